"""/health names each dependency; /health/live asks none."""

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

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
