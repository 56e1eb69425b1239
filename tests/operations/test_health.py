"""/health names each dependency; /health/live asks none."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.operations import health
from tests.waiting import wait_until

# Nothing listens on the discard port.
CLOSED_DATABASE = "postgresql://fivebox_app:x@127.0.0.1:9/fivebox"
CLOSED_REDIS = "redis://127.0.0.1:9/0"
# Two seconds for a check that hangs, and the request around it.
LONGEST_SECONDS = 3.0


def test_all_is_well(client):
    answer = client.get("/health")
    body = answer.get_json()

    assert answer.status_code == 200
    assert body.keys() == {"status", "timestamp", "version", "uptime", "checks"}
    assert body["status"] == "healthy"
    age = datetime.now(UTC) - datetime.fromisoformat(body["timestamp"])
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert body["uptime"] >= 0
    assert body["checks"].keys() == {"database", "cache", "storage"}
    for check in body["checks"].values():
        assert check["status"] == "up"
        assert 0 <= check["responseTime"] < LONGEST_SECONDS * 1000
        assert check["error"] is None


def test_without_the_database_it_is_unhealthy(make_app):
    answer = make_app(database_url=CLOSED_DATABASE).test_client().get("/health")
    body = answer.get_json()

    assert answer.status_code == 503
    assert body["status"] == "unhealthy"
    assert body["checks"]["database"]["status"] == "down"
    assert body["checks"]["database"]["error"] == "OperationalError"
    assert body["checks"]["cache"]["status"] == "up"


def test_the_error_of_a_check_tells_no_address(make_app):
    answer = make_app(database_url=CLOSED_DATABASE).test_client().get("/health")

    assert "127.0.0.1" not in answer.text
    assert "fivebox_app" not in answer.text


def test_without_the_cache_it_is_still_healthy(make_app):
    answer = make_app(redis_url=CLOSED_REDIS).test_client().get("/health")
    body = answer.get_json()

    assert answer.status_code == 200
    assert body["status"] == "healthy"
    assert body["checks"]["cache"]["status"] == "down"
    assert body["checks"]["cache"]["error"] == "ConnectionError"


@pytest.fixture
def silent_port():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_dependencies_that_hang_do_not_hang_it(make_app, silent_port):
    app = make_app(
        database_url=f"postgresql://fivebox_app:x@127.0.0.1:{silent_port}/fivebox",
        redis_url=f"redis://127.0.0.1:{silent_port}/0",
    )
    begun = time.monotonic()

    answer = app.test_client().get("/health")

    assert time.monotonic() - begun < LONGEST_SECONDS
    assert answer.status_code == 503
    checks = answer.get_json()["checks"]
    assert (checks["database"]["status"], checks["cache"]["status"]) == ("down", "down")


class Slow:
    """A check that takes as long as a test wants."""

    def __init__(self) -> None:
        self.runs = 0
        self.may_end = threading.Event()

    def __call__(self) -> None:
        self.runs += 1
        self.may_end.wait(30)


@pytest.fixture
def add_slow(app_with_checks) -> Callable[[str], Slow]:
    made = []

    def add(name: str) -> Slow:
        check = Slow()
        made.append(check)
        health.add_check(app_with_checks, name, check)
        return check

    yield add
    for check in made:
        check.may_end.set()


@pytest.fixture
def app_with_checks(make_app):
    return make_app()


def test_slow_checks_starve_no_other_and_are_not_run_twice(app_with_checks, add_slow, monkeypatch):
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 1.0)
    slow = {name: add_slow(name) for name in ("one", "two", "three")}

    for _ in range(3):
        answer = app_with_checks.test_client().get("/health")
        checks = answer.get_json()["checks"]
        assert answer.status_code == 200, checks
        assert [checks[name]["status"] for name in ("database", "cache", "storage")] == ["up"] * 3
        assert [checks[name]["error"] for name in slow] == ["no answer"] * 3

    assert [check.runs for check in slow.values()] == [1, 1, 1]


def test_a_check_that_hung_comes_back(app_with_checks, add_slow, monkeypatch):
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 1.0)
    slow = add_slow("slow")

    def status() -> str:
        return app_with_checks.test_client().get("/health").get_json()["checks"]["slow"]["status"]

    assert status() == "down"
    slow.may_end.set()
    wait_until(lambda: status() == "up")


def test_who_asks_while_a_check_runs_waits_for_it_too(app_with_checks, add_slow, monkeypatch):
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 30.0)
    slow = add_slow("slow")
    waiting = []
    result = health._result

    def note(name, *rest):
        waiting.append(name)
        return result(name, *rest)

    monkeypatch.setattr(health, "_result", note)
    with ThreadPoolExecutor(2) as pool:
        answers = [
            pool.submit(lambda: app_with_checks.test_client().get("/health")) for _ in range(2)
        ]
        wait_until(lambda: waiting.count("slow") == 2)
        slow.may_end.set()

    checks = [answer.result().get_json()["checks"] for answer in answers]
    assert [check["slow"]["status"] for check in checks] == ["up", "up"]
    assert slow.runs == 1


def test_live_needs_nothing(make_app):
    client = make_app(database_url=CLOSED_DATABASE, redis_url=CLOSED_REDIS).test_client()
    begun = time.monotonic()

    answer = client.get("/health/live")

    assert answer.status_code == 200
    assert answer.get_json()["status"] == "live"
    assert time.monotonic() - begun < 0.5


def test_health_is_never_limited(make_app):
    client = make_app(rate_limits_enabled=True, rate_limit_default="1 per hour").test_client()

    assert [client.get(path).status_code for path in ["/health", "/health/live"] * 3] == [200] * 6
