"""Without a mouse: everything can be reached and seen, and the focus comes back to where it was."""

import json
from pathlib import Path

import pytest

import middle
from cable import Cable
from instrument import Instrument, until
from page import Keys, Page


def tab_to(page: Page, control: str) -> None:
    """With the Tab key; whatever has the focus on the way shows it."""
    on_the_way = []
    for _ in range(25):
        page.keys(Keys.TAB)
        on_the_way.append(page.focused())
        if page.focused():
            assert shows_focus(page), f"the focus on #{page.focused()} is not visible"
        if page.focused() == control:
            return
    raise AssertionError(f"Tab never comes to #{control}, only to {on_the_way}")


def shows_focus(page: Page) -> bool:
    """A file input cannot be seen itself: its label shows the focus."""
    return page.run(
        "const at = document.activeElement.labels?.[0] ?? document.activeElement, style = getComputedStyle(at);"
        "return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2")


def open_chooser(page: Page) -> bool:
    """Whether the key that was pressed has opened the computer's file chooser."""
    return any(json.loads(entry["message"])["message"]["method"] == "Page.fileChooserOpened"
               for entry in page.driver.get_log("performance"))


def test_arrows_move_between_the_tabs(page: Page) -> None:
    tab_to(page, "tab-backup")
    for key, name in ((Keys.ARROW_RIGHT, "restore"), (Keys.ARROW_RIGHT, "backup"), (Keys.ARROW_LEFT, "restore"),
                      (Keys.HOME, "backup"), (Keys.END, "restore")):
        page.keys(key)
        assert page.focused() == f"tab-{name}"
        assert page.find(f"#tab-{name}").get_attribute("aria-selected") == "true"
        assert page.find(f"#panel-{name}").is_displayed()
    page.reload()
    until(lambda: page.find("#panel-restore").is_displayed(), "a reload keeps the tab")


def test_a_whole_backup(page: Page) -> None:
    tab_to(page, "download")
    page.keys(Keys.ENTER)
    page.wait_for_dialog("Backup successful")
    assert page.focused() == "result-title"
    tab_to(page, "result-close")
    page.keys(Keys.ENTER)
    assert not page.dialog()
    assert page.focused() == "download"
    page.download()


def test_a_whole_restore(page: Page, instrument: Instrument, backup_file: Path) -> None:
    instrument.change()
    tab_to(page, "tab-backup")
    page.keys(Keys.ARROW_RIGHT)
    tab_to(page, "restore")
    page.keys(Keys.SPACE)
    page.wait_for_dialog("Restore from backup")
    if page.focused() != "choose-file":
        tab_to(page, "choose-file")
    assert shows_focus(page)
    page.driver.execute_cdp_cmd("Page.setInterceptFileChooserDialog", {"enabled": True})
    page.keys(Keys.SPACE)
    until(lambda: open_chooser(page), "Space on Browse opens the file chooser")
    page.driver.execute_cdp_cmd("Page.setInterceptFileChooserDialog", {"enabled": False})
    page.choose(backup_file)
    page.wait_for_text("#choose-summary", "Backup of bb2241039")

    tab_to(page, "choose-start")
    page.keys(Keys.ENTER)
    page.wait_for_dialog("Restore successful")
    tab_to(page, "result-action")
    page.keys(Keys.SPACE)
    page.wait_for_dialog("Restarting the device")
    until(lambda: not page.dialog(), "the page is back")
    assert page.focused() == "restore"
    assert instrument.hooks_run()[-1] == "restart"


def test_the_focus_has_a_place_when_its_button_is_gone(page: Page, instrument: Instrument, backup_file: Path) -> None:
    instrument.change()
    page.restore_from(backup_file)
    page.wait_for_dialog("Restore successful")
    page.keys(Keys.ESCAPE)
    page.wait_for_text("#banner", "Restart it before further use.")
    page.open("#restore")
    tab_to(page, "banner-button")
    page.keys(Keys.ENTER)
    page.wait_for_dialog("Restarting the device")
    until(lambda: not page.text("#banner"), "the banner is gone")
    until(lambda: page.focused() == "tab-restore", "the focus is on the tab")


@pytest.mark.parametrize("kind", ["Backup", "Restore"])
def test_nothing_closes_the_progress_dialog(page: Page, cable: Cable, instrument: Instrument, backup_file: Path,
                                            kind: str) -> None:
    hold = middle.of_a_backup(page, cable) if kind == "Backup" \
        else middle.of_a_restore(page, cable, instrument, backup_file)
    for _ in range(3):
        page.keys(Keys.ESCAPE)
        page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {
            "type": "mousePressed", "x": 5, "y": 5, "button": "left", "clickCount": 1})
        page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {
            "type": "mouseReleased", "x": 5, "y": 5, "button": "left", "clickCount": 1})
        page.keys(Keys.ESCAPE)
        page.keys(Keys.ESCAPE)
        assert page.dialog() == f"{kind} in progress"
    assert not page.run("return [...document.querySelectorAll('#progress button')].filter(b => b.checkVisibility())")
    hold.release()
    page.wait_for_dialog(f"{kind} successful")


def test_escape_closes_what_may_be_closed(page: Page) -> None:
    page.tab("Restore")
    page.press("Restore from backup...")
    page.wait_for_dialog("Restore from backup")
    page.keys(Keys.ESCAPE)
    assert not page.dialog()
    assert page.focused() == "restore"
