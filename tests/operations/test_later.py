"""What requests leave to be written is written, also at the end and in spite of faults."""

import logging
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.stdlib import ProcessorFormatter

from app.log_format import write_lines
from app.operations import later
from tests.events.processes import Gunicorn
from tests.waiting import wait_until


@pytest.fixture
def server(environment: dict[str, str], app: object, tmp_path: Path) -> Iterator[Gunicorn]:
    metrics = {"FIVEBOX_METRICS_DIR": str(tmp_path / "metrics")}
    running = Gunicorn(tmp_path, "api", environment | metrics | {"WORKERS": "1"}, "wsgi:app")
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
    write_lines([{"event": "a"}, {"event": "b", "number": 2**70}, {"event": "c"}])

    assert [line["event"] for line in lines()] == ["a", "b", "c"]
    assert lines()[1]["number"] == str(2**70)
