"""A headless Chromium that tests look at pages with; it is spoken to over two pipes, and no port is opened."""

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",  # root has no other way, and what is shown is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
NEEDED = "needs Chromium: apt-get install chromium"


def chromium() -> str:
    """Where Chromium is; without one the test is skipped, but in CI it fails."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(NEEDED)
    return found or pytest.skip(NEEDED)


@dataclass
class Page:
    """A page in a browser, and what happened in it."""

    commands: int
    events: int
    session: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)
    """What the browser told of its own accord."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _rest: bytes = b""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the Chrome DevTools protocol, and its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.seen.append(answer)

    def wait_for(self, method: str) -> dict[str, Any]:
        """The next event of this name."""
        while True:
            event = self._read()
            self.seen.append(event)
            if event.get("method") == method:
                return event

    def value(self, script: str) -> Any:
        """What a script comes to in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def show(self, path: Path, *, width: int, dark: bool) -> None:
        """Open a file in a window of that width, as seen by someone who likes it dark, or light."""
        self.seen.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri())
        self.wait_for("Page.loadEventFired")

    def press(self, key: str) -> None:
        """Press a key, such as Tab."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key])

    def picture(self) -> bytes:
        """The whole page as PNG."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def events_of(self, *methods: str) -> list[dict[str, Any]]:
        """What the browser told under these names since the page was opened."""
        return [event["params"] for event in self.seen if event.get("method") in methods]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self.events], [], [], TIMEOUT_S)[0], f"Chromium has said nothing for {TIMEOUT_S} s"
            chunk = os.read(self.events, 1 << 16)
            assert chunk, "Chromium has ended"
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        read: dict[str, Any] = json.loads(message)
        return read


KEYS = {"Tab": 9, "Enter": 13}


@contextmanager
def browser(directory: Path) -> Iterator[Page]:
    """A browser with an empty page; it ends with the block."""
    program = chromium()
    command_out, command_in = os.pipe()
    event_out, event_in = os.pipe()
    # Chromium reads commands from descriptor 3 and tells events on 4.
    shell = f'exec "$@" 3<&{command_out} 4>&{event_in}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", program, *FLAGS, f"--user-data-dir={directory}", "about:blank"],
        pass_fds=(command_out, event_in),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(command_out)
    os.close(event_in)
    page = Page(command_in, event_out)
    try:
        yield _attached(page)
        page.session = ""
        page.call("Browser.close")
    finally:
        _end(process)
        os.close(command_in)
        os.close(event_out)


def _attached(page: Page) -> Page:
    (target,) = [one for one in page.call("Target.getTargets")["targetInfos"] if one["type"] == "page"]
    page.session = page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Log"):
        page.call(f"{domain}.enable")
    return page


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
