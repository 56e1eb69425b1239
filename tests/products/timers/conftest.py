"""A user of timers, whose bytes the server takes for what they say they are."""

import os
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Account

COSTS = {"memory_kib": 19456, "iterations": 2, "parallelism": 1}


def random_base64(size: int) -> str:
    return b64encode(os.urandom(size)).decode()


def call(user: Account, method: str, path: str, json: Any = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return user.client.open(path, method=method, json=json, headers={**user.headers, **named})


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:fivebox:problem:")


def wrapping(**changes: Any) -> dict[str, Any]:
    """What a client sends of a wrapped key, with random bytes for all that is encrypted."""
    return {
        "kdf": "argon2id",
        "salt": random_base64(16),
        **COSTS,
        "algorithm": "AES-256-GCM",
        "nonce": random_base64(12),
        "wrapped_key": random_base64(48),
        **changes,
    }


def payload(**changes: Any) -> dict[str, Any]:
    """What a client sends of a payload, random bytes."""
    return {
        "key_id": "k1",
        "algorithm": "AES-256-GCM",
        "nonce": random_base64(12),
        "ciphertext": random_base64(100),
        **changes,
    }


def timer(**changes: Any) -> dict[str, Any]:
    return {"id": "t1", "due_at": "2027-01-01T08:00:00Z", **payload(), **changes}


def create(user: Account, **changes: Any) -> dict[str, Any]:
    answer = call(user, "POST", "/v1/timers", timer(**changes))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def create_key(user: Account, key_id: str = "k1", replaces: str | None = None) -> dict[str, Any]:
    body = {"id": key_id, "replaces": replaces, **wrapping()}
    answer = call(user, "POST", "/v1/timer-keys", body)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.get_json()
    return key


@pytest.fixture
def user(register: Callable[..., Account]) -> Account:
    """A user with the key k1."""
    account = register()
    create_key(account)
    return account
