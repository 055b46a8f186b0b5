"""A lost connection: the page says what it knows and what to do, and goes on where it can."""

from pathlib import Path

import pytest

import middle
from cable import Cable
from instrument import Instrument, gmi, until
from page import Page

SILENT = "The device does not answer."


@pytest.fixture(autouse=True)
def lost_connections_are_expected(page: Page) -> None:
    page.expected += ["net::ERR_", "404"]


def test_gmid_is_killed_during_a_backup(page: Page, cable: Cable, instrument: Instrument) -> None:
    file = middle.of_a_backup(page, cable)
    instrument.gmid.kill()
    file.release()
    page.wait_for_text("#progress-notice", SILENT)
    instrument.start_again()
    said = page.wait_for_dialog("Backup failed: the device was restarted")
    assert "The device is unchanged." in said
    assert "Throw the unfinished file away and download the backup again." in said
    page.press("Close")
    page.wait_for_text("#status", "Ready")

    for unfinished in page.downloads.iterdir():
        unfinished.unlink()
    page.press("Download backup")
    page.wait_for_dialog("Backup successful")
    assert "is sound" in gmi("verify", page.download())


def test_gmid_is_killed_during_a_restore(page: Page, cable: Cable, instrument: Instrument,
                                         first_content: dict, backup_file: Path) -> None:
    sending = middle.of_a_restore(page, cable, instrument, backup_file)
    instrument.gmid.kill()
    sending.release()
    page.wait_for_text("#progress-notice", SILENT)
    instrument.start_again()
    said = page.wait_for_dialog("Restore failed: the device was restarted")
    assert "the device may be incomplete. Do not use it." in said
    assert "Repeat the restore from the same file" in said
    page.press("Close")

    page.restore_from(backup_file)
    page.wait_for_dialog("Restore successful")
    assert instrument.content() == first_content


def test_a_job_of_the_restarted_device_is_not_taken_for_the_lost_one(page: Page, cable: Cable,
                                                                     instrument: Instrument) -> None:
    file = middle.of_a_backup(page, cable)
    instrument.gmid.kill()
    file.release()
    page.wait_for_text("#progress-notice", SILENT)
    cable.unplug()
    cable.answer_holds.clear()
    instrument.start_again()
    gmi("pull", f"http://127.0.0.1:{instrument.gmid.port}/", "-o", instrument.folder / "pulled.gmi")
    cable.plug_in()
    page.wait_for_dialog("How the backup ended is not known here")


@pytest.mark.parametrize("lose", ["stopped", "unplugged"])
def test_a_device_that_goes_away_while_idle_is_told_and_comes_back(page: Page, cable: Cable, instrument: Instrument,
                                                                   lose: str) -> None:
    page.wait_for_text("#status", "Ready")
    instrument.gmid.stop() if lose == "stopped" else cable.unplug()
    page.wait_for_text("#status", "Not reachable")
    instrument.start_again() if lose == "stopped" else cable.plug_in()
    page.wait_for_text("#status", "Ready")


def test_nothing_begins_on_a_device_that_is_away(page: Page, instrument: Instrument) -> None:
    instrument.gmid.stop()
    page.press("Download backup")
    said = page.wait_for_dialog("Backup not possible: the device does not answer")
    assert "Check the cable and that the device is powered, then try again." in said
    instrument.start_again()


def test_a_backup_survives_a_pulled_cable(page: Page, cable: Cable) -> None:
    file = middle.of_a_backup(page, cable)
    cable.unplug()
    file.release()
    page.wait_for_text("#progress-notice", SILENT)
    assert page.dialog() == "Backup in progress"
    cable.plug_in()
    page.wait_for_dialog("Backup successful")
    assert "is sound" in gmi("verify", page.download())


def test_a_restore_survives_a_pulled_cable(page: Page, cable: Cable, instrument: Instrument,
                                           first_content: dict, backup_file: Path) -> None:
    sending = middle.of_a_restore(page, cable, instrument, backup_file)
    cable.unplug()
    sending.release()
    page.wait_for_text("#progress-notice", SILENT)
    cable.plug_in()
    page.wait_for_dialog("Restore successful")
    assert instrument.content() == first_content


def test_a_restore_goes_on_after_all_its_connections_broke(page: Page, cable: Cable, instrument: Instrument,
                                                           first_content: dict, backup_file: Path) -> None:
    sending = middle.of_a_restore(page, cable, instrument, backup_file)
    sending.release()
    cable.refuse()
    page.wait_for_text("#progress-notice", SILENT)
    cable.accept_again()
    page.wait_for_dialog("Restore successful")
    assert instrument.content() == first_content


def test_a_download_that_breaks_off_fails_and_releases_the_device(page: Page, cable: Cable,
                                                                  instrument: Instrument) -> None:
    file = middle.of_a_backup(page, cable)
    cable.cut("GET .*/file")
    file.release()
    said = page.wait_for_dialog("Backup failed: the computer and the device lost each other")
    assert "The device is unchanged and can be used as before." in said
    assert "Throw the unfinished file away." in said
    until(lambda: instrument.hooks_run() == ["quiesce", "release"], "the device is released")
