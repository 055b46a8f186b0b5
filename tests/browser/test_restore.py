"""Restore from backup...: the device of the day of the backup, and its restart."""

from pathlib import Path

import forge
from cable import Cable
from instrument import Instrument, until
from page import Page


def test_the_device_of_a_downloaded_backup_comes_back(page: Page, instrument: Instrument,
                                                      first_content: dict) -> None:
    page.press("Download backup")
    page.wait_for_dialog("Backup successful")
    file = page.download()
    page.press("Close")

    instrument.change()
    assert instrument.content() != first_content
    page.restore_from(file)
    said = page.wait_for_dialog("Restore successful")
    assert file.name in said and "Restart the device before further use." in said
    assert instrument.content() == first_content

    assert "restart" not in instrument.hooks_run()
    page.press("Restart now")
    page.wait_for_dialog("Restarting the device")
    until(lambda: not page.dialog(), "the page is back")
    assert instrument.hooks_run()[-1] == "restart"
    page.wait_for_text("#status", "Ready")
    assert not page.text("#banner")


def test_the_progress_dialog_opens_before_the_device_has_answered(page: Page, cable: Cable,
                                                                  backup_file: Path) -> None:
    answer = cable.hold_requests("POST /api/v1/restores")
    page.restore_from(backup_file)
    assert page.dialog() == "Restore in progress"
    answer.wait().release()
    page.wait_for_dialog("Restore successful")


def test_what_the_backup_could_not_read_is_told_when_it_is_back(page: Page, instrument: Instrument,
                                                                backup_file: Path, tmp_path: Path) -> None:
    instrument.change()
    page.restore_from(forge.with_a_place_that_could_not_be_read(backup_file, tmp_path / "holes.gmi"))
    said = page.wait_for_dialog("Restore successful").replace("\xa0", " ")
    assert "But for a few places, the device is as it was at the backup" in said
    assert "4.10 kB could not be read when the backup was made." in said
    assert "What the device holds in those places was left as it is." in said


def test_a_device_that_is_as_it_was_needs_neither_writing_nor_restart(page: Page, instrument: Instrument,
                                                                      backup_file: Path) -> None:
    before = instrument.hash()
    page.restore_from(backup_file)
    assert "nothing was written" in page.wait_for_dialog("Restore successful")
    assert instrument.hash() == before
    page.press("Close")
    assert not page.text("#banner")


def test_the_need_for_a_restart_survives_a_reload(page: Page, instrument: Instrument, backup_file: Path) -> None:
    instrument.change()
    page.restore_from(backup_file)
    page.wait_for_dialog("Restore successful")
    page.reload()
    page.wait_for_text("#banner", "Restart it before further use.")
    page.wait_for_text("#status", "Restart needed")
    page.press("Restart now")
    until(lambda: instrument.hooks_run()[-1] == "restart", "the hook restart has run")
    until(lambda: not page.text("#banner"), "the banner is gone")


def test_the_log_of_the_last_job_can_be_read_again(page: Page, backup_file: Path) -> None:
    page.restore_from(backup_file)
    page.wait_for_dialog("Restore successful")
    page.reload()
    page.wait_for_text("#last-restore", "Last restore: successful")
    page.press("Details")
    page.wait_for_dialog("Restore successful")
    page.find("#result summary").click()
    assert page.log("result")[0].startswith("Checking the file")
