"""In the middle of a job, for as long as a test wants."""

from pathlib import Path

from cable import Cable, Hold
from instrument import Instrument, until
from page import Page


def of_a_backup(page: Page, cable: Cable) -> Hold:
    file = cable.hold_answers("GET .*/file", after=512 << 10)
    page.press("Download backup")
    return in_dialog(page, file, "Backup in progress")


def of_a_restore(page: Page, cable: Cable, instrument: Instrument, file: Path) -> Hold:
    """Of a changed device: its file's tables have been sent and some of the chunks that differ."""
    instrument.change()
    sending = cable.hold_requests("PUT .*/bytes", after=10)
    page.restore_from(file)
    return in_dialog(page, sending, "Restore in progress")


def in_dialog(page: Page, hold: Hold, title: str) -> Hold:
    hold.wait()
    page.wait_for_dialog(title)
    until(lambda: len(page.log()) >= 3, "lines in the log")
    return hold
