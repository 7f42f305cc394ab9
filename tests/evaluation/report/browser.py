# SPDX-License-Identifier: AGPL-3.0-or-later
"""A headless Chromium, driven through chromedriver's plain HTTP interface (W3C WebDriver)."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")
WHY_NOT = None if CHROMIUM and DRIVER else "needs Chromium or Chrome, and chromedriver, on the PATH"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Browser:
    """One browser window; close it with :meth:`close`."""

    def __init__(self, profile: Path) -> None:
        self.driver = subprocess.Popen([str(DRIVER), "--port=0"], stdout=subprocess.PIPE, text=True)
        assert self.driver.stdout
        port = None
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                port = found[1]
                break
        self.base = f"http://127.0.0.1:{port}/session"
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        try:
            session = self._send("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        except Exception:
            self.driver.terminate()
            raise
        self.base += f"/{session['sessionId']}"

    def _send(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error

    def open(self, address: str) -> None:
        self._send("POST", "/url", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that a script returns."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def click(self, selector: str) -> None:
        """Click like a person does: on what is visible, scrolled to."""
        self._element(selector, "click", {})

    def type(self, selector: str, text: str) -> None:
        self._element(selector, "value", {"text": text})

    def _element(self, selector: str, action: str, content: dict[str, Any]) -> None:
        element = self._send("POST", "/element", {"using": "css selector", "value": selector})
        self._send("POST", f"/element/{next(iter(element.values()))}/{action}", content)

    def choose(self, name: str, value: str) -> None:
        """Choose an option of a select of the filters."""
        self.click(f'select[name="{name}"] option[value="{value}"]')

    def texts(self, selector: str) -> list[str]:
        """Texts of the elements that are shown."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText)"
        )
        return self.run(script, selector)

    def device(self, width: int, dark: bool = False) -> None:
        """A screen of that width in pixels, light or dark."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._chrome("Emulation.setDeviceMetricsOverride", metrics)
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self._chrome("Emulation.setEmulatedMedia", {"features": features})

    def print_to_pdf(self) -> bytes:
        return base64.b64decode(self._send("POST", "/print", {}))

    def screenshot(self, file: Path) -> None:
        """The whole page."""
        options = {"captureBeyondViewport": True}
        file.write_bytes(base64.b64decode(self._chrome("Page.captureScreenshot", options)["data"]))

    def _chrome(self, command: str, parameters: dict[str, Any]) -> Any:
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self) -> list[str]:
        """What the console got since the last call."""
        return [f"{entry['level']} {entry['message']}" for entry in self._send("POST", "/se/log", {"type": "browser"})]

    def close(self) -> None:
        try:
            self._send("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)
