"""A restore whose computer vanished while it wrote: nothing that the page says afterwards is a lie."""

from pathlib import Path
from typing import Iterator

import pytest

import forge
from cable import Cable
from instrument import Instrument, until
from look import look
from page import Page

CLIENT_WAIT = 2  # seconds
INCOMPLETE = "The device is incomplete and must not be used."


@pytest.fixture
def incomplete(instrument: Instrument, backup_file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page on a device in the middle of being written. What was fetched once, to be compared, is fetched
    again to be written: there the sending stops, and the window is left."""
    instrument.set("service", "client_wait", str(CLIENT_WAIT))
    instrument.change()
    cable: Cable = request.getfixturevalue("cable")
    page: Page = request.getfixturevalue("page")
    seen: set[str] = set()

    def is_sent_again(sending: str) -> bool:
        again = sending in seen
        if sending.startswith("PUT "):
            seen.add(sending)
        return again

    writing = cable.hold_requests(is_sent_again, after=4)
    page.restore_from(backup_file)
    writing.wait()
    until(lambda: instrument.ask("jobs/current")["device"] == "incomplete", "something has been written")
    page.driver.get("about:blank")
    until(lambda: instrument.ask("jobs/current")["state"] == "failed", "the device gives up waiting")
    writing.release()
    yield page.open()


def assert_told(page: Page) -> None:
    page.wait_for_text("#banner", "the device is incomplete. Do not use it. Repeat the restore")
    page.wait_for_text("#status", "Restore incomplete")
    colour = page.run("return getComputedStyle(document.querySelector('#banner')).backgroundColor")
    assert colour == page.run(
        "const probe = document.body.appendChild(document.createElement('i'));"
        "probe.style.backgroundColor = 'var(--bad-soft)';"
        "return getComputedStyle(probe).backgroundColor")


def test_it_is_told_in_red_and_a_repetition_mends_it(incomplete: Page, instrument: Instrument,
                                                     first_content: dict, backup_file: Path) -> None:
    page = incomplete
    assert_told(page)
    look(page, "incomplete")
    page.tab("Restore")
    page.press("Details")
    said = page.wait_for_dialog("Restore failed: the computer and the device lost each other")
    assert INCOMPLETE in said
    assert "Repeat the restore from the same file" in said
    page.press("Close")

    page.restore_from(backup_file)
    page.wait_for_dialog("Restore successful")
    assert instrument.content() == first_content
    page.press("Close")
    page.wait_for_text("#banner", "The device was restored. Restart it before further use.")


def test_nothing_that_follows_calls_the_device_whole(incomplete: Page, instrument: Instrument, backup_file: Path,
                                                     tmp_path: Path) -> None:
    page = incomplete
    page.expected.append("409")
    page.restore_from(forge.no_gmi(backup_file, tmp_path / "no.gmi"))
    said = page.wait_for_dialog("Restore failed: this is not a GMI file")
    assert INCOMPLETE in said
    page.press("Close")
    assert_told(page)

    instrument.start_program("Measure")
    page.restore_from(backup_file)
    said = page.wait_for_dialog("Restore not possible: a program is running")
    assert INCOMPLETE in said
    page.press("Close")
    page.wait_for_text("#panel-restore .program", "Measure is running.")
    assert_told(page)


def test_there_is_nothing_to_back_up_but_a_restore_may_begin(incomplete: Page) -> None:
    page = incomplete
    page.wait_for_text("#download-why", "nothing to back up before the restore has been repeated")
    page.press("Download backup")
    assert not page.dialog()
    page.reload()
    page.wait_for_text("#download-why", "nothing to back up before the restore has been repeated")
    look(page, "incomplete-backup")
    page.tab("Restore")
    assert not page.text("#restore-why")
    page.press("Restore from backup...")
    page.wait_for_dialog("Restore from backup")
