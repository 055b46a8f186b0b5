"""What is refused, in which words; and the device is untouched."""

from pathlib import Path
from typing import Callable

import pytest

import forge
from instrument import Instrument, until
from look import look
from page import Page

UNCHANGED = "The device is unchanged and can be used as before."


def test_no_backup_while_a_program_runs(page: Page, instrument: Instrument) -> None:
    page.expected.append("409")
    instrument.start_program("Measure")
    page.press("Download backup")
    said = page.wait_for_dialog("Backup not possible: a program is running")
    assert "The device is running Measure." in said and UNCHANGED in said
    assert "Wait until it has ended, or stop it, then try again." in said
    assert instrument.hooks_run() == []
    page.press("Close")
    page.wait_for_text("#status", "Measure is running")
    page.wait_for_text("#panel-backup .program", "Measure is running.")

    instrument.stop_program()
    page.wait_for_text("#status", "Ready")
    page.press("Download backup")
    page.wait_for_dialog("Backup successful")
    page.download()


def test_no_restore_while_a_program_runs(page: Page, instrument: Instrument, backup_file: Path) -> None:
    page.expected.append("409")
    instrument.change()
    before = instrument.hash()
    instrument.start_program("Measure")
    page.restore_from(backup_file)
    said = page.wait_for_dialog("Restore not possible: a program is running")
    assert "The device is running Measure." in said and UNCHANGED in said
    assert instrument.hash() == before


def test_a_backup_of_another_device_is_refused_and_both_are_named(page: Page, instrument: Instrument,
                                                                  original: Path, tmp_path: Path) -> None:
    other = Instrument.copy_of(original, tmp_path / "other")
    other.set("device", "id", "bb2241040")
    file = other.backup(tmp_path / "other.gmi")
    before = instrument.hash()
    page.restore_from(file)
    assert page.text("#choose-summary") == ""
    said = page.wait_for_dialog("Restore failed: the file belongs to another device")
    assert "The file is a backup of device bb2241040, but this device is bb2241039." in said
    assert UNCHANGED in said and "Choose a backup of this device." in said
    assert instrument.hash() == before


def test_the_dialog_already_names_both_devices(page: Page, original: Path, tmp_path: Path) -> None:
    other = Instrument.copy_of(original, tmp_path / "other")
    other.set("device", "id", "bb2241040")
    page.tab("Restore")
    page.press("Restore from backup...")
    page.choose(other.backup(tmp_path / "other.gmi"))
    page.wait_for_text("#choose-summary",
                       "This is a backup of bb2241040, but this device is bb2241039: it will be refused.")


def test_the_dialog_doubts_a_backup_of_a_smaller_disk(page: Page, instrument: Instrument, backup_file: Path) -> None:
    with open(instrument.folder / "disk.img", "ab") as disk:
        disk.truncate(disk.tell() + (100 << 20))
    instrument.gmid.stop()
    instrument.start_again()
    page.open("#restore")
    until(lambda: instrument.ask("device")["disks"][0]["length"] > 100e6, "the device knows its larger disk")
    page.reload()
    page.wait_for_text("#status", "Ready")
    page.press("Restore from backup...")
    page.choose(backup_file)
    page.wait_for_text("#choose-summary", "Disk emmc has 134.2\u00a0MB here, but 29.4\u00a0MB in the backup: "
                                          "make sure that this is the right file.")
    look(page, "choose-larger-disk")


@pytest.mark.parametrize("made, title, detail", [
    (forge.damaged, "Restore failed: the file is damaged", "flash"),
    (forge.truncated, "Restore failed: the file is damaged", "cut"),
    (forge.no_gmi, "Restore failed: this is not a GMI file", "GMI"),
    (forge.newer, "Restore failed: the file was made by a newer version", "version 2"),
], ids=["damaged", "truncated", "no_gmi", "newer"])
def test_a_bad_file_is_refused_and_the_device_is_untouched(
        page: Page, instrument: Instrument, backup_file: Path, tmp_path: Path,
        made: Callable[[Path, Path], Path], title: str, detail: str) -> None:
    instrument.change()
    before = instrument.hash()
    page.restore_from(made(backup_file, tmp_path / "bad.gmi"))
    said = page.wait_for_dialog(title)
    assert detail in said and UNCHANGED in said
    assert instrument.hash() == before
    page.press("Close")
    page.wait_for_text("#status", "Ready")
    assert not page.text("#banner")
