"""What every browser test gets: a device of its own, a cable, and the page in a browser."""

import shutil
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.dont_write_bytecode = True

from cable import Cable  # noqa: E402
from instrument import Instrument, virtual  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in ("/usr/bin/chromium", "/usr/bin/chromedriver") if not Path(name).exists()]
    try:
        import selenium  # noqa: F401
    except ImportError:
        missing.append("python3-selenium")
    for item in items if missing else []:
        item.add_marker(pytest.mark.skip(reason=f"{', '.join(missing)} is not installed"))


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The device that all others are copies of."""
    folder = tmp_path_factory.mktemp("original") / "device"
    virtual("make-device", "--tiny", folder)
    return folder


@pytest.fixture(scope="session")
def changed(original: Path) -> Path:
    """The same device after months of use, on every volume."""
    copy = Instrument.copy_of(original, original.parent / "changed")
    virtual("change-device", copy.folder, "--percent", 30)
    return copy.folder


@pytest.fixture(scope="session")
def backup_file(original: Path) -> Path:
    """A backup of the device as it was at first."""
    copy = Instrument.copy_of(original, original.parent / "copy")
    return copy.backup(original.parent / "backup.gmi")


@pytest.fixture(scope="session")
def first_content(original: Path) -> dict[str, str]:
    """What the device holds at first."""
    return Instrument(original).content()


@pytest.fixture
def instrument(original: Path, changed: Path, tmp_path: Path) -> Iterator[Instrument]:
    made = Instrument.copy_of(original, tmp_path / "device", changed)
    yield made
    made.stop_program()
    shutil.rmtree(made.folder)


@pytest.fixture
def cable(instrument: Instrument) -> Iterator[Cable]:
    cable = Cable(instrument.start().port)
    yield cable
    cable.close()
    assert instrument.gmid
    instrument.gmid.stop()
    instrument.gmid.check()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["object"]:
    from page import start_browser
    driver = start_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, cable: Cable, tmp_path: Path) -> Iterator["object"]:
    """The page, open."""
    from page import Page
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    page = Page(browser, cable.url, downloads)
    page.resize(1200)
    page.prefer("light")
    page.forget_logs()
    first = browser.current_window_handle
    try:
        yield page.open()
        page.check()
    finally:
        for window in set(browser.window_handles) - {first}:
            browser.switch_to.window(window)
            browser.close()
        browser.switch_to.window(first)
        shutil.rmtree(downloads)
