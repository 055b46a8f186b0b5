"""Download backup: from the button to a file that is sound."""

from datetime import date

from cable import Cable
from instrument import Instrument, gmi
from page import Page


def test_a_backup_is_downloaded_and_is_sound(page: Page, instrument: Instrument) -> None:
    before = instrument.hash()
    page.press("Download backup")
    said = page.wait_for_dialog("Backup successful")
    file = page.download()
    assert file.name == f"backup-of-bb2241039-{date.today()}.gmi"
    assert "is sound" in gmi("verify", file)
    assert file.name in said and "The device can be used again or powered off." in said
    assert instrument.hash() == before
    assert instrument.hooks_run() == ["quiesce", "release"]


def test_the_progress_dialog_opens_before_the_device_has_answered(page: Page, cable: Cable) -> None:
    answer = cable.hold_requests("POST /api/v1/backups")
    page.press("Download backup")
    assert page.dialog() == "Backup in progress"
    answer.wait().release()
    page.wait_for_dialog("Backup successful")
