"""What a product declares to have a table synced."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import current_app

from app.database.base import OwnedRow
from app.errors import NotFound
from app.schemas import Body

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What a push did to one row.

    Attributes:
        id: of the row.
        before: the client-owned values that were stored, also of a tombstone; None of a new row.
        after: those stored now; None when the row is now deleted.
        revived: whether it was a tombstone and is none now.
    """

    id: str
    before: Values | None
    after: Values | None
    revived: bool


@dataclass(frozen=True)
class Parent:
    """The row that rows of a collection belong to: `column` holds its id."""

    column: str
    model: type[OwnedRow]


@dataclass(frozen=True)
class Collection:
    """A table as clients see it.

    Attributes:
        name: of the collection in RxDB, and of the table in WatermelonDB.
        model: the table.
        fields: schema of the columns that clients own; the same rules as those of REST.
        derived: columns that the server keeps; clients get them, and what they send is ignored.
        parent: the row that must be there first.
        expected_id: the id that a row with these fields must have; None when clients choose.
        settle: called with the changes after they are stored and before the commit, for what
            follows from them in other columns and tables.
    """

    name: str
    model: type[OwnedRow]
    fields: type[Body]
    derived: tuple[str, ...] = ()
    parent: Parent | None = None
    expected_id: Callable[[Any], str] | None = None
    settle: Callable[[UUID, Sequence[Change]], None] | None = None

    @property
    def table(self) -> str:
        """Name of the table in the database."""
        return self.model.__tablename__

    @property
    def owned(self) -> tuple[str, ...]:
        """The columns that clients own, without the id."""
        return tuple(self.fields.model_fields)


def all_collections() -> dict[str, Collection]:
    """The collections of the enabled products by name, parents before their children."""
    collections: dict[str, Collection] = current_app.extensions["sync"]
    return collections


def get_collection(name: str) -> Collection:
    """Find a collection.

    Raises:
        NotFound: no enabled product has one of this name.
    """
    found = all_collections().get(name)
    if found is None:
        raise NotFound("There is no such collection.")
    return found
