"""Kinds of values that no column of the habits has: moments."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import Field

from app.accounts.models import Device
from app.errors import Unprocessable
from app.schemas import Body
from app.sync import statements, watermelondb
from app.sync.collection import Collection


class Seen(Body):
    last_seen_at: datetime | None = Field(None)


# Any table with a moment will do.
COLLECTION = Collection("seen", Device, Seen)  # type: ignore[arg-type]


def owned(value: object) -> dict:
    return watermelondb._owned(COLLECTION, {"id": "a", "last_seen_at": value}, "here")


def test_watermelondb_keeps_moments_in_milliseconds():
    assert owned(1_767_225_600_500) == {
        "last_seen_at": datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    }
    assert owned(None) == {"last_seen_at": None}


@pytest.mark.parametrize("value", ["2026-01-01", 1e300, [], float("nan")])
def test_another_value_is_no_moment(value):
    with pytest.raises(Unprocessable):
        owned(value)


def test_the_time_columns_are_found_by_their_type():
    assert statements.time_fields(replace(COLLECTION)) == {"last_seen_at"}
    assert statements.json_fields(COLLECTION) == frozenset()
