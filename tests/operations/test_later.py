"""What requests leave to be written is written, also at the end and in spite of faults."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.stdlib import ProcessorFormatter

from app.log_format import write_lines
from app.operations import later, logs
from tests.events.processes import Gunicorn
from tests.waiting import wait_until


@pytest.fixture
def server(environment: dict[str, str], app: object, tmp_path: Path) -> Iterator[Gunicorn]:
    metrics = {"FIVEBOX_METRICS_DIR": str(tmp_path / "metrics")}
    few = {"WORKERS": "1", "THREADS": "2"}
    running = Gunicorn(tmp_path, "api", environment | metrics | few, "wsgi:app")
    yield running
    running.stop()


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread does nothing; the test calls `now`."""
    monkeypatch.setattr(later, "soon", lambda: None)


def test_a_worker_that_ends_writes_the_lines_of_its_last_requests(server: Gunicorn) -> None:
    ids = [f"request-{number}" for number in range(20)]
    for name in ids:
        server.request("GET", "/health/live", headers={"X-Request-ID": name})

    server.process.terminate()
    server.process.wait()

    written = re.findall(r'"request_id":"(request-\d+)"', server.log.read_text())
    assert written == ids


def test_a_line_of_the_server_has_no_request_s_id(server: Gunicorn) -> None:
    for number in range(20):
        server.request("GET", "/health/live", headers={"X-Request-ID": f"request-{number}"})
    broken = server.connect()
    broken.connect()
    broken.sock.sendall(b"no request\r\n\r\n")
    assert broken.sock.recv(100).startswith(b"HTTP/1.1 400")
    broken.close()

    def refused() -> list[str]:
        return [line for line in server.log.read_text().splitlines() if "Invalid request" in line]

    wait_until(lambda: bool(refused()), "the server tells of it")
    assert "request_id" not in refused()[0]


@pytest.mark.parametrize("name", ["SIGQUIT", "SIGABRT"])
def test_a_request_that_outlives_its_worker_s_end_has_its_line(server: Gunicorn, name: str) -> None:
    body = b'{"email": "a@example.com"}'
    waiting = server.connect()
    waiting.putrequest("POST", "/v1/accounts/login")
    waiting.putheader("X-Request-ID", "outlives-it")
    waiting.putheader("Content-Type", "application/json")
    waiting.putheader("Content-Length", str(len(body)))
    waiting.endheaders()
    in_flight = re.compile(r"^http_requests_in_flight 2.0$", re.M)
    wait_until(lambda: bool(in_flight.search(server.request("GET", "/internal/metrics")[2])))

    # While gunicorn starts a thread it does not bear SIGQUIT; now it has both.
    server.request("GET", "/health/live")
    ended = server.worker
    os.kill(ended, getattr(signal, name))
    waiting.send(body)
    assert waiting.getresponse().status == 422
    waiting.close()

    wait_until(lambda: server.worker != ended, "the worker has ended")
    assert '"request_id":"outlives-it"' in server.log.read_text()


def test_a_fault_in_one_task_keeps_none_from_the_others(
    lines: Callable[[], list[dict[str, Any]]], by_hand: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def fail() -> None:
        raise OSError("disk away")

    monkeypatch.setattr(later, "_tasks", [fail, *later._tasks, lambda: done.append(1)])
    later.now()

    assert done == [1]
    assert "disk away" in next(line for line in lines() if line["level"] == "error")["exception"]


def test_a_thread_that_could_not_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(later, "_tasks", [done.set])
    monkeypatch.setattr(later, "_thread", threading.Thread())
    monkeypatch.setattr(later, "_due", threading.Event())
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", lambda _self: _no_thread())
        later.soon()

    later.soon()

    assert done.wait(10)


def _no_thread() -> None:
    raise RuntimeError("can't start new thread")


def test_lines_that_nobody_takes_are_told_of_on_standard_error(
    client: Any, by_hand: None, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    class Broken:
        closed = False

        def write(self, _text: str) -> None:
            raise BrokenPipeError

    handlers = logging.getLogger().handlers
    handler = next(h for h in handlers if isinstance(h.formatter, ProcessorFormatter))
    monkeypatch.setattr(handler, "stream", Broken())

    client.get("/health/live")
    later.now()

    assert "/health/live" in capsys.readouterr().err


def test_a_line_that_is_no_json_spoils_no_other(lines: Callable[[], list[dict[str, Any]]]) -> None:
    write_lines([{"event": "a"}, {"event": "b", "x": 2**70, "y": "\ud800"}, {"event": "c"}])

    assert [line["event"] for line in lines()] == ["a", "b", "c"]
    assert (lines()[1]["x"], lines()[1]["y"]) == (str(2**70), "\\ud800")


def test_no_line_is_torn_by_those_of_another_process(tmp_path: Path) -> None:
    """Both write to one socket, as to that of the journal."""
    program = (
        "from app.log_format import configure, write_lines\n"
        "configure('INFO')\n"
        "write_lines([{'event': 'request', 'user_agent': 'é' * 300} for _ in range(5000)])"
    )
    taking, giving = socket.socketpair()
    with taking, giving:
        writers = [
            subprocess.Popen([sys.executable, "-c", program], stdout=giving) for _ in range(2)
        ]
        giving.close()
        with taking.makefile("rb") as got:
            events = [orjson.loads(line)["event"] for line in got]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert events == ["request"] * 10_000


def test_lines_that_are_lost_are_counted(
    client: Any,
    lines: Callable[[], list[dict[str, Any]]],
    by_hand: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "_lines", deque(maxlen=2))
    for _ in range(5):
        client.get("/health/live")
    later.now()

    told = lines()[-3:]
    assert [line["event"] for line in told] == [
        "request",
        "request",
        "log lines of requests are lost",
    ]
    assert told[-1]["lines"] == 3
