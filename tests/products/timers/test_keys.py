"""Wrapped keys through the API."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask

from app.products.timers.schemas import MAX_KEYS
from tests.conftest import Account
from tests.products.timers.conftest import (
    call,
    create_key,
    problem,
    random_base64,
    wrapping,
)


def keys(user: Account) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = call(user, "GET", "/v1/timer-keys").get_json()["items"]
    return items


def rewrap(user: Account, *changed: dict[str, Any]) -> Any:
    return call(user, "PUT", "/v1/timer-keys", {"keys": list(changed)})


def test_the_first_key_is_current(user: Account) -> None:
    (key,) = keys(user)
    assert (key["id"], key["current"]) == ("k1", True)
    shown = call(user, "GET", "/v1/timer-keys/k1")
    assert shown.get_json() == key
    unchanged = call(user, "GET", "/v1/timer-keys/k1", If_None_Match=shown.headers["ETag"])
    assert unchanged.status_code == 304
    assert call(user, "GET", "/v1/timer-keys/k2").status_code == 404


def test_a_newer_key_becomes_current_and_the_old_one_stays(user: Account) -> None:
    create_key(user, "k0", replaces="k1")
    assert [(key["id"], key["current"]) for key in keys(user)] == [("k0", True), ("k1", False)]


@pytest.mark.parametrize("replaces", [None, "k0", "k2"])
def test_two_devices_do_not_both_replace_a_key(user: Account, replaces: str | None) -> None:
    create_key(user, "k0", replaces="k1")
    create_key(user, "k3", replaces="k0")
    body = {"id": "k2", "replaces": replaces, **wrapping()}
    assert problem(call(user, "POST", "/v1/timer-keys", body)) == (409, "timer-keys-changed")
    assert len(keys(user)) == 3


def test_of_many_at_once_one_wins(user: Account, app: APIFlask) -> None:
    def send(number: int) -> int:
        body = {"id": f"n{number}", "replaces": "k1", **wrapping()}
        answer = app.test_client().post("/v1/timer-keys", json=body, headers=user.headers)
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, range(4))) == [201, 409, 409, 409]
    assert sum(key["current"] for key in keys(user)) == 1


def test_a_repeat_after_a_lost_reply_does_no_harm(user: Account) -> None:
    body = {"id": "k2", "replaces": "k1", **wrapping()}
    first = call(user, "POST", "/v1/timer-keys", body)
    again = call(user, "POST", "/v1/timer-keys", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.get_json() == first.get_json()
    other = call(user, "POST", "/v1/timer-keys", {**body, **wrapping()})
    assert problem(other) == (409, "conflict")


def test_there_is_a_most(user: Account, owner_connection: psycopg.Connection) -> None:
    owner_connection.execute(
        "INSERT INTO user_timer_keys (user_id, id, kdf, salt, memory_kib, iterations, parallelism, "
        "algorithm, nonce, wrapped_key, current) SELECT user_id, 'n' || n, kdf, salt, memory_kib, "
        "iterations, parallelism, algorithm, nonce, wrapped_key, false "
        "FROM user_timer_keys, generate_series(2, %s) n",
        [MAX_KEYS],
    )
    assert len(keys(user)) == MAX_KEYS
    body = {"id": "more", "replaces": "k1", **wrapping()}
    refused = call(user, "POST", "/v1/timer-keys", body)
    assert problem(refused) == (409, "conflict")
    all_keys = [{"id": key["id"], "rev": key["rev"], **wrapping()} for key in keys(user)]
    assert rewrap(user, *all_keys).status_code == 200


def test_all_keys_are_rewrapped_at_once(user: Account) -> None:
    create_key(user, "k2", replaces="k1")
    wanted = [{"id": key["id"], "rev": key["rev"], **wrapping()} for key in keys(user)]
    answer = rewrap(user, *wanted)
    assert answer.status_code == 200
    stored = keys(user)
    assert answer.get_json()["items"] == stored
    for key, sent in zip(stored, wanted, strict=True):
        assert key.items() >= {**sent, "rev": key["rev"]}.items()
        assert key["rev"] > sent["rev"]
    assert [key["current"] for key in stored] == [False, True]
    # The reply was lost: the same again, with the old revisions.
    again = rewrap(user, *wanted)
    assert (again.status_code, again.get_json()["items"]) == (200, stored)


def test_a_rewrapping_that_misses_something_changes_nothing(user: Account) -> None:
    stale = {"id": "k1", "rev": keys(user)[0]["rev"], **wrapping()}
    create_key(user, "k2", replaces="k1")
    before = keys(user)
    fresh = [{"id": key["id"], "rev": key["rev"], **wrapping()} for key in before]
    for wanted in (
        [fresh[0]],
        [stale, fresh[1]],
        [*fresh, {"id": "k3", "rev": 1, **wrapping()}],
        [fresh[0], {**fresh[1], "id": "k3"}],
    ):
        assert problem(rewrap(user, *wanted)) == (409, "timer-keys-changed")
    assert keys(user) == before
    assert rewrap(user, *fresh).status_code == 200


def test_a_key_is_named_once(user: Account) -> None:
    key = {"id": "k1", "rev": keys(user)[0]["rev"], **wrapping()}
    refused = rewrap(user, key, {**key, **wrapping()})
    assert refused.status_code == 422
    assert rewrap(user).status_code == 422


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kdf": "pbkdf2"}, "kdf"),
        ({"salt": random_base64(15)}, "salt"),
        ({"salt": random_base64(65)}, "salt"),
        ({"memory_kib": 19455}, "memory_kib"),
        ({"memory_kib": 1048577}, "memory_kib"),
        ({"iterations": 1}, "iterations"),
        ({"iterations": "3"}, "iterations"),
        ({"parallelism": 0}, "parallelism"),
        ({"parallelism": 17}, "parallelism"),
        ({"algorithm": "AES-256-CBC"}, "algorithm"),
        ({"nonce": random_base64(16)}, "nonce"),
        # A data key that is not wrapped has 32 bytes.
        ({"wrapped_key": random_base64(32)}, "wrapped_key"),
        ({"passphrase": "seven gentle otters"}, "passphrase"),
    ],
)
def test_each_fault_is_named(user: Account, changes: dict[str, Any], field: str) -> None:
    body = {"id": "k2", "replaces": "k1", **wrapping(**changes)}
    answer = call(user, "POST", "/v1/timer-keys", body)
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    (key,) = keys(user)
    assert key["id"] == "k1"
    answer = rewrap(user, {"id": "k1", "rev": key["rev"], **wrapping(**changes)})
    assert [error["field"] for error in answer.get_json()["errors"]] == [f"keys.0.{field}"]
