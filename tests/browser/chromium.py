"""Chromium, spoken to over a pipe (https://chromedevtools.github.io/devtools-protocol/)."""

import base64
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 60


class Browser:
    """One page; `faults` holds what the page said on the console, or threw."""

    def __init__(self, writing: int, reading: int) -> None:
        self.faults: list[str] = []
        self._writing = writing
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number = 0
        self._session = ""
        threading.Thread(target=self._read, args=(reading,), daemon=True).start()
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")

    def log_in(self, user: str, password: str) -> None:
        """Send a name and a password (RFC 7617) with every request from now on."""
        word = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._send("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {word}"})

    def resize(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        """Take another screen.

        Args:
            width: in CSS pixels.
            height: in CSS pixels.
            phone: whether it is a phone's, with two device pixels each way to a CSS pixel.
            dark: whether its owner likes it dark.
        """
        scale = 2 if phone else 1
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
        self._send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Go to an address."""
        failed = self._send("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"
        self.until("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        done = self._send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def until(self, condition: str, seconds: float = TIMEOUT_SECONDS) -> None:
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"never true: {condition}; {self.faults}"
            time.sleep(0.05)

    def picture(self, target: Path, height: int = 0) -> None:
        """Save what the page shows, or its upper `height` CSS pixels, as PNG."""
        part: dict[str, Any] = {}
        if height:
            width = self.evaluate("document.documentElement.clientWidth")
            clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            part = {"clip": clip, "captureBeyondViewport": True}
        shot = self._send("Page.captureScreenshot", format="png", **part)
        target.write_bytes(base64.b64decode(shot["data"]))

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._answers.get(timeout=TIMEOUT_SECONDS)
            if answer["id"] == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as stream:
            rest = b""
            while part := stream.read1(65536):
                *messages, rest = (rest + part).split(b"\0")
                for message in map(json.loads, messages):
                    if "id" in message:
                        self._answers.put(message)
                    else:
                        self._note(message["method"], message["params"])

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(told["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled":
            self.faults.append(json.dumps(told["args"]))
        elif event == "Log.entryAdded" and "ERR_NETWORK_CHANGED" not in told["entry"]["text"]:
            # What a Content-Security-Policy forbids is here too. Networks of the machine, such as
            # those of labs, come and go.
            self.faults.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")


@contextmanager
def browser(profile: Path, *options: str) -> Iterator[Browser]:
    """Start Chromium, and end it.

    Args:
        profile: an empty folder.
        options: further words of its command line.
    """
    read_by_chromium, writing = os.pipe()
    reading, written_by_chromium = os.pipe()
    command = [
        *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--remote-debugging-pipe", f"--user-data-dir={profile}", *options),
    ]
    # The protocol's pipes are the files 3 and 4.
    program = 'exec 3<&"$0" 4>&"$1"; shift; exec "$@"'
    inherited = (read_by_chromium, written_by_chromium)
    with subprocess.Popen(
        ["bash", "-c", program, *map(str, inherited), *command],
        pass_fds=inherited,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        os.close(read_by_chromium)
        os.close(written_by_chromium)
        try:
            yield Browser(writing, reading)
        finally:
            # It ends when its pipe does; what it has started may linger, and write.
            os.close(writing)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
