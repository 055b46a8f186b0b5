"""A reload in the middle of a job: the page finds it again, with its whole log."""

from pathlib import Path

import forge
import middle
from cable import Cable
from instrument import Instrument, gmi, until
from look import look
from page import Page


def test_a_backup_goes_on_and_its_whole_log_is_there(page: Page, cable: Cable) -> None:
    file = middle.of_a_backup(page, cable)
    before = page.log()[:3]
    page.reload()
    page.wait_for_dialog("Backup in progress")
    until(lambda: page.log()[:3] == before, "the same log")
    assert page.find("#tab-backup").get_attribute("aria-selected") == "true"
    file.release()
    page.wait_for_dialog("Backup successful")
    assert "is sound" in gmi("verify", page.download())


def test_a_backup_that_nobody_fetches_is_offered(page: Page, cable: Cable) -> None:
    started = cable.hold_answers("POST .*/backups")
    page.press("Download backup")
    started.wait()
    page.reload()
    page.wait_for_dialog("Backup in progress")
    page.wait_for_text("#progress-notice", "The file waits to be downloaded.")
    page.press("Download the file")
    page.wait_for_dialog("Backup successful")
    assert "is sound" in gmi("verify", page.download())


def test_a_restore_asks_for_its_file_again_and_takes_no_other(
        page: Page, cable: Cable, instrument: Instrument, first_content: dict, backup_file: Path, tmp_path: Path) -> None:
    page.expected.append("409")
    sending = middle.of_a_restore(page, cable, instrument, backup_file)
    before = page.log()[:3]
    page.reload()
    sending.release()
    page.wait_for_dialog("Restore in progress")
    page.wait_for_text("#progress-notice", "The device waits for the file backup.gmi. Choose it again to go on.")
    assert page.log()[:3] == before
    look(page, "restore-asks")
    assert page.find("#tab-restore").get_attribute("aria-selected") == "true"

    for other in (forge.truncated(backup_file, tmp_path / "shorter.gmi"),
                  forge.another_of_the_same_length(backup_file, tmp_path / "alike.gmi")):
        page.choose(other, of="progress")
        page.wait_for_text("#progress-notice", "This is not the file that the restore began with")
        page.wait_for_text("#progress-notice", "Choose the file backup.gmi to go on.")

    page.choose(backup_file, of="progress")
    page.wait_for_dialog("Restore successful")
    assert instrument.content() == first_content
