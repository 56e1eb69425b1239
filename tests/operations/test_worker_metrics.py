"""The figures of several workers: none goes back when one of them dies."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.events.processes import Gunicorn
from tests.waiting import wait_until

# Sums over the workers; a Prometheus takes a smaller one for a start from nothing.
COUNTERS = ("http_requests_total", "worker_cpu_seconds_total", "database_queries_total")


@pytest.fixture
def server(environment: dict[str, str], app: object, tmp_path: Path) -> Iterator[Gunicorn]:
    settings = {**environment, "FIVEBOX_METRICS_DIR": str(tmp_path / "metrics"), "WORKERS": "2"}
    running = Gunicorn(tmp_path, "api", settings, "wsgi:app")
    yield running
    running.stop()


def total(server: Gunicorn, name: str) -> float:
    """Sum of all series of a name."""
    text = server.request("GET", "/internal/metrics")[2]
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (.+)$", text, re.M))


def test_a_worker_that_dies_takes_nothing_away(server: Gunicorn) -> None:
    for _ in range(20):
        server.request("GET", "/health")
    wait_until(lambda: total(server, COUNTERS[0]) >= 20, "all are counted")
    before = {name: total(server, name) for name in COUNTERS}

    killed = server.worker
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: server.worker not in (0, killed), "another worker")
    for _ in range(5):
        server.request("GET", "/health")

    after = {name: total(server, name) for name in COUNTERS}
    assert all(after[name] >= before[name] for name in COUNTERS), (before, after)
    # The worker that is not asked writes what it counted a moment later.
    wait_until(lambda: total(server, COUNTERS[0]) >= before[COUNTERS[0]] + 5, "all are counted")


def test_the_gauges_of_a_dead_worker_end(server: Gunicorn) -> None:
    waiting = server.connect()
    waiting.putrequest("POST", "/v1/accounts/login")
    waiting.putheader("Content-Type", "application/json")
    waiting.putheader("Content-Length", "100")
    # The body never comes, so its worker keeps waiting for it.
    waiting.endheaders()
    wait_until(lambda: total(server, "http_requests_in_flight") == 2)

    for worker in psutil.Process(server.process.pid).children():
        worker.kill()

    wait_until(lambda: total(server, "http_requests_in_flight") == 1, "only the reading itself")
    waiting.close()


def test_a_restart_counts_from_nothing(
    server: Gunicorn, environment: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(20):
        server.request("GET", "/health/live")
    server.stop()

    settings = {**environment, "FIVEBOX_METRICS_DIR": str(tmp_path / "metrics"), "WORKERS": "1"}
    again = Gunicorn(tmp_path, "api", settings, "wsgi:app")
    try:
        assert total(again, "http_requests_total") < 20
    finally:
        again.stop()


def test_the_release_is_named(server: Gunicorn) -> None:
    version = server.request("GET", "/health/live")[2]["version"]
    assert server.metric(f'fivebox_info{{version="{version}"}}') == 1
