"""For a screen reader and for weak eyes: every control and dialog has a name, colours are far enough apart."""

import re
from pathlib import Path

import pytest

from instrument import ROOT
from page import Page

CONTROLS = {"button", "link", "tab", "textbox", "progressbar", "ProgressIndicator", "tabpanel", "tablist", "dialog",
            "log", "alert", "DisclosureTriangle"}
NAMELESS = {"alert"}  # its text is what it says

# What is written or drawn on what: (ink, paper, how far apart at least: WCAG 2.1, 1.4.3 and 1.4.11).
PAIRS = [
    *((ink, paper, 4.5) for ink in ("text", "text-soft") for paper in ("ground", "surface", "sunken")),
    *(("text", paper, 4.5) for paper in ("warn-soft", "bad-soft")),
    ("accent", "surface", 4.5), ("on-accent", "accent", 4.5), ("on-accent", "accent-hover", 4.5),
    ("good", "surface", 4.5), ("warn", "surface", 4.5), ("bad", "surface", 4.5),
    ("warn", "warn-soft", 4.5), ("bad", "bad-soft", 4.5),
    ("line-strong", "surface", 3), ("accent", "ground", 3), ("accent", "sunken", 3),
]


def colours(scheme: str) -> dict[str, str]:
    """The variables of style.css; the dark ones are laid over the light ones."""
    style = (ROOT / "page/style.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    assert len(blocks) == 2
    found: dict[str, str] = {}
    for block in blocks[:1 if scheme == "light" else 2]:
        found |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_far_enough_apart(scheme: str) -> None:
    found = colours(scheme)
    poor = [f"{ink} on {paper}: {contrast(found[ink], found[paper]):.2f} of {least}"
            for ink, paper, least in PAIRS if contrast(found[ink], found[paper]) < least]
    assert not poor


def without_name(page: Page) -> tuple[int, list[str]]:
    """How many controls a screen reader is told of, and those of them that have no name."""
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes
                if not node.get("ignored") and node["role"]["value"] in CONTROLS]
    return len(controls), [role for role, name in controls if not name and role not in NAMELESS]


def names_of(page: Page, role: str) -> list[str]:
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [node.get("name", {}).get("value", "") for node in nodes
            if not node.get("ignored") and node["role"]["value"] == role]


def test_every_control_of_the_page_has_a_name(page: Page) -> None:
    for tab in ("Backup", "Restore"):
        page.tab(tab)
        count, nameless = without_name(page)
        assert count >= 5 and not nameless
    assert page.run("return document.documentElement.lang") == "en"
    assert "bb2241039" in page.driver.title


def test_every_dialog_and_control_in_it_has_a_name(page: Page, backup_file: Path) -> None:
    page.tab("Restore")
    page.press("Restore from backup...")
    assert names_of(page, "dialog") == ["Restore from backup"]
    assert "Browse" in " ".join(names_of(page, "button"))
    assert without_name(page)[1] == []
    page.choose(backup_file)
    page.wait_for_text("#choose-summary", "Backup of")
    page.press("Restore from backup")
    page.wait_for_dialog("Restore successful")
    assert names_of(page, "dialog") == ["Restore successful"]
    page.find("#result summary").click()
    assert without_name(page)[1] == []


@pytest.mark.parametrize("dialog, name", [("progress", "Backup in progress"), ("restarting", "Restarting the device")])
def test_dialogs_that_come_by_themselves_have_names(page: Page, dialog: str, name: str) -> None:
    page.run(f"document.querySelector('#{dialog}').showModal()")
    assert names_of(page, "dialog") == [name]
    assert without_name(page)[1] == []


def test_ids_are_unique_and_what_refers_to_one_finds_it(page: Page) -> None:
    lost = page.run(
        "const lost = [];"
        "for (const name of ['aria-labelledby', 'aria-controls', 'aria-describedby', 'for'])"
        "  for (const each of document.querySelectorAll(`[${name}]`))"
        "    if (!document.getElementById(each.getAttribute(name))) lost.push(each.outerHTML);"
        "const ids = [...document.querySelectorAll('[id]')].map(each => each.id);"
        "return lost.concat(ids.filter((id, at) => ids.indexOf(id) !== at));")
    assert not lost


def test_headings_are_in_order(page: Page) -> None:
    levels = page.run("return [...document.querySelectorAll('main :is(h1, h2, h3)')]"
                      ".filter(e => e.checkVisibility()).map(e => +e.localName[1])")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in zip(levels, levels[1:]))
