"""A nonce serves once with a key, for ever; whoever writes."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.conftest import Account
from tests.products.timers.conftest import call, create, create_key, payload, problem, timer


@pytest.fixture
def used(user: Account) -> dict[str, Any]:
    """The payload of the timer t1."""
    sent = payload()
    create(user, **sent)
    return sent


def test_a_nonce_of_another_timer_is_refused(user: Account, used: dict[str, Any]) -> None:
    refused = call(user, "POST", "/v1/timers", timer(id="t2", nonce=used["nonce"]))
    assert problem(refused) == (409, "nonce-reused")
    assert call(user, "GET", "/v1/timers/t2").status_code == 404


def test_the_nonce_of_the_payload_it_replaces_is_refused(
    user: Account, used: dict[str, Any]
) -> None:
    refused = call(user, "PATCH", "/v1/timers/t1", payload(nonce=used["nonce"]))
    assert problem(refused) == (409, "nonce-reused")
    shown = call(user, "GET", "/v1/timers/t1").get_json()
    assert shown["ciphertext"] == used["ciphertext"]


def test_a_nonce_is_remembered_after_its_payload_is_gone(
    user: Account, used: dict[str, Any]
) -> None:
    assert call(user, "PATCH", "/v1/timers/t1", payload()).status_code == 200
    call(user, "DELETE", "/v1/timers/t1")
    for timer_id in ("t1", "t2"):
        refused = call(user, "POST", "/v1/timers", timer(id=timer_id, nonce=used["nonce"]))
        assert problem(refused) == (409, "nonce-reused")


def test_the_same_ciphertext_may_come_again(user: Account, used: dict[str, Any]) -> None:
    # A device that restores what it had; it gives nothing away.
    call(user, "PATCH", "/v1/timers/t1", payload())
    restored = call(user, "PATCH", "/v1/timers/t1", used)
    assert (restored.status_code, restored.get_json()["nonce"]) == (200, used["nonce"])


def test_another_key_or_user_may_have_the_nonce(
    user: Account, used: dict[str, Any], register: Callable[..., Account]
) -> None:
    create_key(user, "k2", replaces="k1")
    create(user, id="t2", key_id="k2", nonce=used["nonce"])
    other = register()
    create_key(other)
    create(other, nonce=used["nonce"])


def test_the_database_refuses_it_too(
    user: Account, used: dict[str, Any], owner_connection: psycopg.Connection
) -> None:
    create(user, id="t2")
    with pytest.raises(psycopg.errors.UniqueViolation, match="the nonce was used"):
        owner_connection.execute(
            "UPDATE user_timers SET nonce = (SELECT nonce FROM user_timers WHERE id = 't1') "
            "WHERE id = 't2'"
        )
    owner_connection.execute(
        "UPDATE user_timers SET nonce = decode(repeat('0', 24), 'hex') WHERE id = 't2'"
    )
    claimed = owner_connection.execute("SELECT count(*) FROM timer_nonces").fetchone()
    assert claimed == (3,)


def test_the_database_refuses_a_key_that_is_not_there(
    user: Account, used: dict[str, Any], owner_connection: psycopg.Connection
) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        owner_connection.execute("UPDATE user_timers SET key_id = 'none'")
