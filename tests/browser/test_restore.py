"""Restore from backup...: the device of the day of the backup, and its restart."""

from pathlib import Path

import forge
from cable import Cable
from instrument import Instrument, until
from look import look
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
    for tab, button, why in (("Backup", "Download backup", "A backup can be made after its restart."),
                             ("Restore", "Restore from backup...", "It can be restored again after its restart.")):
        page.tab(tab)
        page.wait_for_text(f"#panel-{tab.lower()} .why", why)
        page.press(button)
        assert not page.dialog()
        look(page, f"restart-due-{tab.lower()}")

    page.press("Restart now")
    until(lambda: instrument.hooks_run()[-1] == "restart", "the hook restart has run")
    until(lambda: not page.text("#banner"), "the banner is gone")
    until(lambda: not page.dialog(), "the page is back")
    assert not page.text("#restore-why")
    page.tab("Backup")
    assert not page.text("#download-why")
    page.press("Download backup")
    page.wait_for_dialog("Backup successful")
    page.download()


def test_a_second_window_is_told_why_it_has_to_wait(page: Page, instrument: Instrument, backup_file: Path) -> None:
    instrument.change()
    page.expected.append("409")
    asked = page.run("return fetch('/api/v1/device').then(answer => answer.json())")
    assert asked["needsRestart"] is False and asked["incomplete"] is False
    page.restore_from(backup_file)
    page.wait_for_dialog("Restore successful")
    # A window that has not asked for a while still has its button.
    page.run("document.querySelector('#result').close();"
             "const button = document.querySelector('#download');"
             "document.querySelector('#tab-backup').click();"
             "button.setAttribute('aria-disabled', 'false'); button.click();")
    said = page.wait_for_dialog("Backup not possible: the device needs its restart")
    assert "The device was restored and has to be restarted first." in said
    assert "Restart the device, then try again." in said and "can be used as before" not in said


def test_the_log_of_the_last_job_can_be_read_again(page: Page, backup_file: Path) -> None:
    page.restore_from(backup_file)
    page.wait_for_dialog("Restore successful")
    page.reload()
    page.wait_for_text("#last-restore", "Last restore: successful")
    page.press("Details")
    page.wait_for_dialog("Restore successful")
    page.find("#result summary").click()
    assert page.log("result")[0].startswith("Checking the file")
