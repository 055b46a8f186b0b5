"""The page in narrow, medium and wide windows, light and dark: nothing scrolls sideways, overlaps or is cut.

With $GMI_SCREENSHOTS naming a folder, a picture of each is left there.
"""

from pathlib import Path

import middle
from cable import Cable
from instrument import Instrument
from look import look
from page import Page


def test_both_tabs_fit(page: Page) -> None:
    look(page, "backup")
    page.tab("Restore")
    look(page, "restore")


def test_the_page_fits_while_a_program_runs(page: Page, instrument: Instrument) -> None:
    instrument.start_program("Measure")
    page.wait_for_text("#status", "Measure is running")
    look(page, "busy")


def test_the_dialog_for_choosing_a_file_fits(page: Page, backup_file: Path, tmp_path: Path) -> None:
    page.tab("Restore")
    page.press("Restore from backup...")
    look(page, "choose")
    page.choose(backup_file)
    page.wait_for_text("#choose-summary", "Backup of bb2241039")
    look(page, "choose-chosen")
    other = tmp_path / ("a-file-with-a-name-that-is-much-longer-than-anybody-would-like" * 2 + ".gmi")
    other.write_bytes(b"nothing")
    page.choose(other)
    page.wait_for_text("#choose-summary", "does not look like")
    look(page, "choose-doubtful")


def test_a_running_backup_fits(page: Page, cable: Cable) -> None:
    answer = middle.of_a_backup(page, cable)
    page.wait_for_text("#progress-done", "%")
    look(page, "backup-progress")
    answer.release()
    page.wait_for_dialog("Backup successful")
    look(page, "backup-successful")
    page.press("Close")
    look(page, "backup-done")


def test_a_running_restore_fits(page: Page, cable: Cable, instrument: Instrument, backup_file: Path) -> None:
    sending = middle.of_a_restore(page, cable, instrument, backup_file)
    page.wait_for_text("#progress-step", "Step 1 of 3")
    look(page, "restore-progress")
    page.expected.append("net::ERR_")
    sending.release()
    cable.refuse()
    page.wait_for_text("#progress-notice", "does not answer")
    look(page, "restore-lost")
    cable.accept_again()
    page.wait_for_dialog("Restore successful")
    look(page, "restore-successful")
    page.press("Close")
    look(page, "restart-needed")


def test_a_failure_fits(page: Page, instrument: Instrument) -> None:
    page.expected.append("409")
    instrument.start_program("Measure")
    page.press("Download backup")
    page.wait_for_dialog("Backup not possible: a program is running")
    look(page, "refused")
