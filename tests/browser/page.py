"""The page as its user knows it: buttons by their labels, dialogs by their titles."""

import json
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from instrument import PATIENCE, until

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"]


def start_browser(profile: Path) -> webdriver.Chrome:
    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service(str(DRIVER)), options=options)


class Page:
    def __init__(self, driver: webdriver.Chrome, url: str, downloads: Path) -> None:
        self.driver = driver
        self.url = url
        self.downloads = downloads
        self.expected: list[str] = []  # parts of console messages that a test provokes
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})

    # ---- the window ----

    def open(self, fragment: str = "") -> "Page":
        self.driver.get(self.url + fragment)
        until(lambda: self.text("#device-id").strip(), "the page shows the device")
        return self

    def reload(self) -> None:
        self.driver.refresh()

    def resize(self, width: int, height: int = 900, scale: float = 1) -> None:
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": False})

    def prefer(self, scheme: str) -> None:
        """light or dark; and nothing moves while somebody looks closely."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def run(self, script: str, *arguments: object) -> object:
        return self.driver.execute_script(script, *arguments)

    # ---- what is to be seen ----

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """As it is shown: empty where it is hidden."""
        return self.run("const found = document.querySelector(arguments[0]);"
                        "return found && found.checkVisibility() ? found.innerText : '';", selector)

    def dialog(self) -> str:
        """The title of the dialog in front."""
        return self.run(
            "const open = [...document.querySelectorAll('dialog:modal')];"
            "const box = document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('dialog');"
            "return (box ?? open.at(-1))?.querySelector('h2').innerText ?? '';")

    def wait_for_dialog(self, title: str, seconds: float = PATIENCE) -> str:
        """Returns what the dialog says."""
        until(lambda: self.dialog() == title,
              f'the dialog "{title}"; there is "{self.dialog()}"', seconds)
        return self.text("dialog:modal:not(#progress), #progress:modal")

    def wait_for_text(self, selector: str, text: str) -> None:
        until(lambda: text in self.text(selector),
              f'"{text}" in {selector}, which says "{self.text(selector)}"')

    def log(self, of: str = "progress") -> list[str]:
        return self.run("return [...document.querySelectorAll(`#${arguments[0]}-log li span`)].map(e => e.textContent)",
                        of)

    def focused(self) -> str:
        """The name of the control that has the focus."""
        return self.run("return document.activeElement === document.body ? '' : "
                        "document.activeElement.id") or ""

    # ---- what a user does ----

    def button(self, label: str) -> WebElement:
        for found in self.driver.find_elements(By.CSS_SELECTOR, "button, a.secondary"):
            if found.is_displayed() and found.text == label and self.run(
                    "return !document.querySelector('dialog:modal') || !!arguments[0].closest('dialog:modal')", found):
                return found
        raise AssertionError(f'there is no button "{label}" to press')

    def press(self, label: str) -> None:
        self.button(label).click()

    def tab(self, label: str) -> None:
        self.find(f"#tab-{label.lower()}").click()

    def keys(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def choose(self, file: Path, of: str = "choose") -> None:
        """In the file chooser that Browse opens."""
        self.find(f"#{of}-file").send_keys(str(file))

    def restore_from(self, file: Path) -> None:
        self.tab("Restore")
        self.press("Restore from backup...")
        self.wait_for_dialog("Restore from backup")
        self.choose(file)
        until(lambda: self.text("#choose-summary"), "the file's summary")
        self.press("Restore from backup")

    def download(self) -> Path:
        """Waits for the one downloaded file."""
        def complete() -> list[Path]:
            files = list(self.downloads.iterdir())
            return files if files and not any(file.suffix == ".crdownload" for file in files) else []
        found = until(complete, "a complete download")
        assert len(found) == 1, found
        return found[0]

    # ---- what went wrong behind the scenes ----

    def forget_logs(self) -> None:
        self.driver.get_log("browser")
        self.driver.get_log("performance")

    def check(self) -> None:
        """No error in the console but those that the test provoked; nothing came from elsewhere."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("SEVERE", "WARNING"):
                assert any(part in entry["message"] for part in self.expected), entry["message"]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                assert url.startswith((self.url, "data:", "about:")), f"the page asked for {url}"


__all__ = ["CHROMIUM", "DRIVER", "Keys", "Page", "start_browser"]
