"""Looks at what the page shows in narrow, medium and wide windows, light and dark."""

import os
from pathlib import Path

from page import Page

WINDOWS = {"narrow": (360, 740), "medium": (768, 1024), "wide": (1280, 800)}
GEOMETRY = (Path(__file__).parent / "geometry.js").read_text()


def look(page: Page, name: str) -> None:
    faults = []
    for window, size in WINDOWS.items():
        page.resize(*size)
        for scheme in ("light", "dark"):
            page.prefer(scheme)
            faults += [f"{name}, {window}, {scheme}: {fault}" for fault in page.run(GEOMETRY)]
            if folder := os.environ.get("GMI_SCREENSHOTS"):
                Path(folder).mkdir(parents=True, exist_ok=True)
                page.driver.save_screenshot(str(Path(folder) / f"{name}-{window}-{scheme}.png"))
    assert not faults, "\n".join(faults)
