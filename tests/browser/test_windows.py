"""More than one window: each shows what runs, none takes what it does not need."""

from pathlib import Path

import middle
from cable import Cable
from instrument import Instrument, until
from page import Page


def open_second(page: Page, kind: str) -> str:
    """Returns the first one's handle."""
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window(kind)
    page.driver.get(page.url)
    return first


def test_a_second_window_shows_the_running_job_and_its_end(page: Page, cable: Cable) -> None:
    file = middle.of_a_backup(page, cable)
    first = open_second(page, "window")
    page.wait_for_dialog("Backup in progress")
    until(lambda: len(page.log()) >= 3, "lines in the log")
    file.release()
    page.wait_for_dialog("Backup successful")
    page.driver.switch_to.window(first)
    page.wait_for_dialog("Backup successful")
    page.download()


def test_an_idle_window_notices_a_job_that_another_one_began(page: Page, cable: Cable) -> None:
    file = cable.hold_answers("GET .*/file", after=512 << 10)
    first = open_second(page, "window")
    page.tab("Restore")
    page.press("Restore from backup...")
    second = page.driver.current_window_handle
    page.driver.switch_to.window(first)
    page.press("Download backup")
    file.wait()
    page.driver.switch_to.window(second)
    page.wait_for_dialog("Backup in progress")
    assert page.run("return document.querySelectorAll('dialog:modal').length") == 1
    file.release()
    page.wait_for_dialog("Backup successful")
    page.download()


def test_a_hidden_window_gives_its_connection_back(page: Page, cable: Cable) -> None:
    file = middle.of_a_backup(page, cable)
    until(lambda: cable.open_requests("/events") == 1, "the window follows the job")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    until(lambda: cable.open_requests("/events") == 0, "the hidden window has no connection")
    file.release()
    page.driver.close()
    page.driver.switch_to.window(first)
    page.driver.execute_cdp_cmd("Page.bringToFront", {})
    page.wait_for_dialog("Backup successful")
    page.download()


def test_a_hidden_window_does_not_invent_an_end_that_it_has_missed(page: Page, cable: Cable) -> None:
    page.expected.append("404")
    file = middle.of_a_backup(page, cable)
    hidden = page.driver.current_window_handle
    open_second(page, "tab")
    page.wait_for_dialog("Backup in progress")
    file.release()
    page.wait_for_dialog("Backup successful")
    page.press("Close")
    cable.answer_holds.clear()
    page.press("Download backup")
    page.wait_for_dialog("Backup successful")
    page.driver.close()
    page.driver.switch_to.window(hidden)
    page.driver.execute_cdp_cmd("Page.bringToFront", {})
    said = page.wait_for_dialog("How the backup ended is not known here")
    assert "another backup or restore has run since" in said


def test_all_windows_stop_asking_when_one_has_the_file(page: Page, cable: Cable, instrument: Instrument,
                                                       backup_file: Path) -> None:
    later = cable.hold_requests("PUT .*/bytes", after=20)
    sending = middle.of_a_restore(page, cable, instrument, backup_file)
    page.reload()
    sending.release()
    page.wait_for_text("#progress-notice", "Choose it again")
    first = open_second(page, "window")
    page.wait_for_text("#progress-notice", "Choose it again")
    second = page.driver.current_window_handle
    page.driver.switch_to.window(first)
    page.choose(backup_file, of="progress")
    page.driver.switch_to.window(second)
    until(lambda: not page.text("#progress-notice"), "the second window asks no more")
    later.wait().release()
    page.wait_for_dialog("Restore successful")


def test_a_second_window_is_answered_while_the_device_comes_to_rest(page: Page, instrument: Instrument) -> None:
    """The hook that stops the services may take long."""
    gate = instrument.folder / "services-are-stopped"
    instrument.set("hooks", "quiesce", f"while [ ! -e {gate} ]; do sleep 0.1; done")
    instrument.gmid.stop()
    instrument.start_again()
    page.open()
    page.press("Download backup")
    first = open_second(page, "window")
    page.wait_for_text("#device-id", "bb2241039")
    assert not gate.exists()
    gate.touch()
    page.driver.switch_to.window(first)
    page.wait_for_dialog("Backup successful")
    page.download()
