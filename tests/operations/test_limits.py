"""Limits per user and per address; without Redis the API goes on."""

import secrets
import time

import pytest

from app.extensions import limiter
from app.operations.metrics import RATE_LIMIT_UNAVAILABLE
from tests.sync.conftest import Rxdb, Watermelon, habit

# 15 minutes, rounded up to a whole second after the end of the window.
LONGEST_RESET = 901
CLOSED_REDIS = "redis://127.0.0.1:9/0"


@pytest.fixture
def address() -> str:
    """An address of its own for each test, since the counters outlive it."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


@pytest.fixture
def limited(make_app):
    """Build a client of an app that limits."""

    def make(**changes):
        return make_app(rate_limits_enabled=True, **changes).test_client()

    yield make
    # The limiter belongs to the process: give it the storage back that a test took from it.
    make_app()
    limiter._storage_dead = False


def get(client, address, **headers):
    return client.get("/v1/habits", headers=headers, environ_overrides={"REMOTE_ADDR": address})


def test_the_headers_count_down(limited, address):
    client = limited(rate_limit_default="3 per 15 minutes")

    answers = [get(client, address) for _ in range(3)]

    assert [a.status_code for a in answers] == [401] * 3
    assert [a.headers["RateLimit-Limit"] for a in answers] == ["3"] * 3
    assert [a.headers["RateLimit-Remaining"] for a in answers] == ["2", "1", "0"]
    for answer in answers:
        assert 0 < int(answer.headers["RateLimit-Reset"]) <= LONGEST_RESET
        assert "Retry-After" not in answer.headers


def test_one_more_is_refused_with_a_problem(limited, address):
    client = limited(rate_limit_default="1 per 15 minutes")
    get(client, address)

    answer = get(client, address)

    assert answer.status_code == 429
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["type"] == "urn:fivebox:problem:too-many-requests"
    assert 0 < int(answer.headers["Retry-After"]) <= LONGEST_RESET
    assert answer.headers["RateLimit-Remaining"] == "0"


def test_all_endpoints_count_together(limited, address):
    client = limited(rate_limit_default="2 per 15 minutes")
    paths = ("/v1/habits", "/v1/progress", "/v1/accounts/me")

    statuses = [
        client.get(path, environ_overrides={"REMOTE_ADDR": address}).status_code for path in paths
    ]

    assert statuses == [401, 401, 429]


def test_each_address_has_its_own_allowance(limited, address):
    client = limited(rate_limit_default="1 per 15 minutes")
    get(client, address)

    assert get(client, "203.0.113.9").status_code == 401
    assert get(client, address).status_code == 429


def test_an_ipv6_client_cannot_hop_within_its_network(limited, address):
    client = limited(rate_limit_default="1 per 15 minutes")
    get(client, address)

    assert get(client, address + "234").status_code == 429


def test_each_user_has_an_allowance_at_any_address(limited, register, address):
    client = limited(rate_limit_default="2 per 15 minutes")
    first, second = register(), register()

    assert get(client, address, **first.headers).status_code == 200
    assert get(client, "203.0.113.10", **first.headers).status_code == 200
    assert get(client, "203.0.113.11", **first.headers).status_code == 429
    assert get(client, address, **second.headers).status_code == 200


def test_forged_tokens_count_against_the_address(limited, register, address):
    client = limited(rate_limit_default="2 per 15 minutes")
    real = register().tokens["access_token"]
    head, body, _signature = real.split(".")
    forged = [f"{head}.{body}.{secrets.token_urlsafe(32)}" for _ in range(3)]

    answers = [get(client, address, Authorization=f"Bearer {token}") for token in forged]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    # And they take nothing from the user they name.
    assert get(client, address, Authorization=f"Bearer {real}").status_code == 200


def test_log_in_has_a_tighter_limit(limited, address):
    client = limited(rate_limit_login="2 per 15 minutes")
    body = {"email": "nobody@example.com", "password": "not the password"}

    answers = [
        client.post("/v1/accounts/login", json=body, environ_overrides={"REMOTE_ADDR": address})
        for _ in range(3)
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[-1].headers["RateLimit-Limit"] == "2"


def test_a_day_of_sync_fits_the_limits_as_they_are(limited, register):
    account = register()
    account.client = limited()
    device = Rxdb(account)

    for number in range(10):
        device.store("habits", (habit(f"h{number}"), None))
        for collection in ("habits", "progress") * 10:
            assert device.pull(collection).status_code == 200

    answers = [get(account.client, "203.0.113.12", **account.headers) for _ in range(101)]
    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    # And they take nothing from sync.
    assert device.pull().status_code == 200


def test_sync_has_a_limit_of_its_own(limited, register):
    client = limited(rate_limit_sync="4 per 15 minutes", rate_limit_default="1 per 15 minutes")
    account, other = register(), register()
    account.client = other.client = client
    device, another = Rxdb(account), Watermelon(account)

    answers = [device.pull(), device.push("habits", (habit(), None)), another.pull()]
    answers += [another.push({"habits": {"deleted": ["read"]}}), device.pull("progress")]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 204, 429]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"4"}
    assert [int(a.headers["RateLimit-Remaining"]) for a in answers] == [3, 2, 1, 0, 0]
    assert answers[-1].get_json()["type"] == "urn:fivebox:problem:too-many-requests"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= LONGEST_RESET
    assert another.pull().status_code == 429
    assert Rxdb(other).pull().status_code == 200
    assert get(client, "203.0.113.13", **account.headers).status_code == 200


def test_the_documents_are_not_limited(limited):
    client = limited(rate_limit_default="1 per 15 minutes")

    for path in ("/docs", "/openapi.json", "/static/swagger-ui/swagger-ui.css"):
        assert [client.get(path).status_code for _ in range(3)] == [200] * 3, path


def outages() -> float:
    (metric,) = RATE_LIMIT_UNAVAILABLE.collect()
    return next(s.value for s in metric.samples if s.name.endswith("_total"))


def test_without_redis_requests_are_served_and_counted(limited, register, address):
    headers = register().headers
    client = limited(redis_url=CLOSED_REDIS)
    before = outages()
    begun = time.monotonic()

    answers = [get(client, address, **headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert time.monotonic() - begun < 3
    assert outages() > before


def test_without_redis_each_worker_still_limits(limited, address):
    client = limited(redis_url=CLOSED_REDIS, rate_limit_default="2 per 15 minutes")

    statuses = [get(client, address).status_code for _ in range(3)]

    assert statuses == [401, 401, 429]


def test_what_a_browser_asks_beforehand_does_not_count(limited, address):
    origin = "https://app.example.com"
    client = limited(rate_limit_default="1 per 15 minutes", cors_origins=(origin,))
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for _ in range(3):
        answer = client.options(
            "/v1/habits", headers=headers, environ_overrides={"REMOTE_ADDR": address}
        )
        assert answer.status_code == 200
    assert get(client, address).status_code == 401
