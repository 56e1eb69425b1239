"""Caps and the feature flag."""

import pytest

from tests.sync.conftest import Rxdb, Watermelon, habit
from tests.sync.test_rxdb import problem
from tests.sync.test_watermelondb import raw


@pytest.fixture
def small(make_app, account):
    """The account at a server with low caps."""
    account.client = make_app(sync_max_rows=2, sync_max_bytes=1024).test_client()
    return account


def test_too_many_rows_are_refused(small):
    device = Watermelon(small)
    device.pull()
    rows = {"habits": {"created": [raw("a")], "deleted": ["b"]}, "progress": {"deleted": ["a:b"]}}

    assert problem(Rxdb(small).push("habits", *[(habit(), None)] * 3)) == (413, "too-many-rows")
    assert problem(device.push(rows)) == (413, "too-many-rows")
    assert Rxdb(small).documents() == {}


def test_too_many_bytes_are_refused(small):
    answer = Rxdb(small).push("habits", (habit(description="x" * 1024), None))

    assert problem(answer) == (413, "content-too-large")


def test_a_push_may_be_larger_than_other_bodies(rxdb, settings):
    text = "x" * 2000
    rows = [(habit(f"h{n}", description=text), None) for n in range(700)]
    assert settings.max_body_bytes < 700 * 2000

    rxdb.store("habits", *rows)

    assert len(rxdb.documents(limit=1000)) == 700


def test_sync_can_be_turned_off(make_app, account):
    account.client = make_app(sync_enabled=False).test_client()

    assert problem(Rxdb(account).pull()) == (503, "feature-off")
    assert problem(Watermelon(account).pull()) == (503, "feature-off")
    assert account.client.get("/v1/habits", headers=account.headers).status_code == 200
