"""Devices that speak the two protocols, without a client's own logic."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Account


class Rxdb:
    """RxDB's two calls."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.checkpoint: dict[str, Any] = {}

    def pull(self, collection: str = "habits", **query: Any):
        """One page after the checkpoint; moves it."""
        answer = self.account.client.get(
            f"/v1/sync/{collection}/pull",
            query_string={**self.checkpoint, **query},
            headers=self.account.headers,
        )
        if answer.status_code == 200:
            self.checkpoint = answer.get_json()["checkpoint"]
        return answer

    def documents(self, collection: str = "habits", **query: Any) -> dict[str, Any]:
        """Pull a page; its documents by id."""
        answer = self.pull(collection, **query)
        assert answer.status_code == 200, answer.text
        return {document["id"]: document for document in answer.get_json()["documents"]}

    def push(self, collection: str, *rows: tuple[dict[str, Any], dict[str, Any] | None]):
        """Push pairs of the new and the assumed state."""
        body = [
            {"newDocumentState": new} | ({"assumedMasterState": assumed} if assumed else {})
            for new, assumed in rows
        ]
        return self.account.client.post(
            f"/v1/sync/{collection}/push", json=body, headers=self.account.headers
        )

    def store(self, collection: str, *rows: tuple[dict[str, Any], dict[str, Any] | None]) -> None:
        """Push what must be stored without a conflict."""
        answer = self.push(collection, *rows)
        assert (answer.status_code, answer.get_json()) == (200, []), answer.text


class Watermelon:
    """WatermelonDB's two calls."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.last_pulled_at: int | None = None

    def pull(self, **query: Any):
        """Pull after the last pull; remembers its timestamp."""
        last = "null" if self.last_pulled_at is None else self.last_pulled_at
        answer = self.account.client.get(
            "/v1/sync",
            query_string={
                "last_pulled_at": last,
                "schema_version": 1,
                "migration": "null",
                **query,
            },
            headers=self.account.headers,
        )
        if answer.status_code == 200:
            self.last_pulled_at = answer.get_json()["timestamp"]
        return answer

    def changes(self, **query: Any) -> dict[str, Any]:
        """Pull; what changed, by table."""
        answer = self.pull(**query)
        assert answer.status_code == 200, answer.text
        changes: dict[str, Any] = answer.get_json()["changes"]
        return changes

    def push(self, changes: dict[str, Any], last_pulled_at: int | None = None):
        """Push; lists left out are empty."""
        return self.account.client.post(
            "/v1/sync",
            query_string={"last_pulled_at": last_pulled_at or self.last_pulled_at},
            json=changes,
            headers=self.account.headers,
        )


@pytest.fixture
def account(register: Callable[..., Account]) -> Account:
    return register()


@pytest.fixture
def rxdb(account: Account) -> Rxdb:
    return Rxdb(account)


@pytest.fixture
def watermelon(account: Account) -> Watermelon:
    device = Watermelon(account)
    assert device.pull().status_code == 200
    return device


def habit(row_id: str = "read", **fields: Any) -> dict[str, Any]:
    """A habit's document as RxDB keeps it."""
    return {
        "id": row_id,
        "name": "Read",
        "description": "",
        "schedule": "daily",
        "weekdays": None,
        "times_per_week": None,
        "start_date": "2026-01-01",
        "active": True,
        "_deleted": False,
        **fields,
    }


def day(date: str, habit_id: str = "read", **fields: Any) -> dict[str, Any]:
    """A day's document as RxDB keeps it."""
    return {
        "id": f"{habit_id}:{date}",
        "habit_id": habit_id,
        "date": date,
        "completed": True,
        "note": "",
        "streak": 0,
        "_deleted": False,
        **fields,
    }
