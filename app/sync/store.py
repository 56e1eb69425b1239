"""Reading and writing rows of a push, whatever client it came from."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from pydantic import ValidationError

from app.audit.writes import note
from app.database.connection import execute
from app.errors import Conflict, Unprocessable, invalid_input
from app.operations.metrics import RECORDS_CREATED
from app.schemas import Body
from app.sync import statements
from app.sync.collection import Change, Collection

# The first is app.schemas.RowId; an id that follows from the row's values may have a colon, and is
# at most a chosen one and that of a document of content (app.content.schemas.Slug).
_CHOSEN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DERIVED_ID = re.compile(r"[A-Za-z0-9_:-]{1,165}")


class ParentMissing(Conflict):
    """Rows were pushed before the rows that they belong to; nothing is written.

    `collection` and `ids` in the body name all of the first collection that has any.
    """

    type = "parent-missing"

    def __init__(self, collection: str, ids: list[str]) -> None:
        super().__init__(
            f"Rows of {collection}, the first {ids[0]}, belong to rows that are not here yet; "
            "push those first, then these again.",
            collection=collection,
            ids=ids,
        )


class Stored(NamedTuple):
    """A row as it is, and its parent; `values` is None when there is no such row."""

    parent_found: bool
    parent_deleted: bool
    rev: int
    deleted: bool
    values: dict[str, Any] | None

    def equals(self, state: Body | None) -> bool:
        """Whether the row is this state already; None is a deleted row.

        What clients own decides: a comparison of what the server keeps would make conflicts of its
        own changes. All deleted rows are equal.
        """
        if self.values is None or self.deleted:
            return state is None
        return state is not None and all(
            getattr(state, name) == value for name, value in self.values.items()
        )


def check_id(collection: Collection, row_id: Any, place: str) -> str:
    """Return the id of a row that was sent.

    Raises:
        Unprocessable: it is none.
    """
    pattern = _DERIVED_ID if collection.expected_id else _CHOSEN_ID
    if not isinstance(row_id, str) or not pattern.fullmatch(row_id):
        raise Unprocessable(f"{place}.id", f"must match ^{pattern.pattern}$")
    return row_id


def check_parent(parent_id: Any, place: str) -> str:
    """Return the id of a row's parent; clients choose it, as `app.schemas.RowId`.

    Raises:
        Unprocessable: it is none.
    """
    if not isinstance(parent_id, str) or not _CHOSEN_ID.fullmatch(parent_id):
        raise Unprocessable(place, f"must match ^{_CHOSEN_ID.pattern}$")
    return parent_id


def validate(collection: Collection, row_id: str, values: Mapping[str, Any], place: str) -> Body:
    """Check the client-owned values of a row by the rules of the product.

    Args:
        collection: the row's.
        row_id: of the row.
        values: as they were sent.
        place: where in the body they are.

    Raises:
        Problem: 422, naming place and field.
    """
    try:
        fields = collection.fields.model_validate(values)
    except ValidationError as error:
        problem = invalid_input(error)
        for item in problem.extra["errors"]:
            item["field"] = f"{place}.{item['field']}".removesuffix(".input")
        raise problem from None
    if collection.expected_id and collection.expected_id(fields) != row_id:
        raise Unprocessable(f"{place}.id", f"must be {collection.expected_id(fields)}")
    return fields


def is_as_sent(values: Mapping[str, Any], state: Body) -> bool:
    """Whether a row is stored as the client has it: the rules of a product may trim and sort.

    Args:
        values: as they were sent.
        state: what `validate` made of them.
    """
    return all(
        value == values[name] or not _is_plain(value) for name, value in state if name in values
    )


def _is_plain(value: Any) -> bool:
    """Whether a value is the same in JSON; a moment, for one, has many forms there."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, str | int | float)


def read(
    collection: Collection, user_id: UUID, wanted: Mapping[str, str | None]
) -> dict[str, Stored]:
    """Read what is stored of rows; the feed must be locked, so that it stays so.

    Args:
        collection: of the rows.
        user_id: whose they are.
        wanted: the parents' ids by the ids of the rows; None leaves it to the stored row.
    """
    parameters = {"user_id": user_id, "ids": list(wanted), "parents": list(wanted.values())}
    rows = execute(statements.present(collection), parameters).fetchall()
    return {
        row_id: Stored(
            parent_found,
            parent_deleted,
            rev or 0,
            deleted,
            None if rev is None else dict(zip(collection.owned, values, strict=True)),
        )
        for row_id, parent_found, parent_deleted, rev, deleted, *values in rows
    }


def write(
    collection: Collection,
    user_id: UUID,
    stored: Mapping[str, Stored],
    states: Mapping[str, Body | None],
) -> int:
    """Store new states of rows, and what follows from them; the caller commits.

    A row whose parent is deleted is stored as deleted. One that is so already gets a new revision.

    Args:
        collection: of the rows.
        user_id: whose they are.
        stored: what is there now, by `read`.
        states: what shall be, for rows that differ from it or that the client must hear of; None
            deletes.

    Returns:
        the number of rows written.

    Raises:
        ParentMissing: there is no row that one of these belongs to.
    """
    deleted = [row_id for row_id, state in states.items() if state is None]
    kept = {row_id: state.model_dump() for row_id, state in states.items() if state is not None}
    orphans = [row_id for row_id in kept if not stored[row_id].parent_found]
    if orphans:
        raise ParentMissing(collection.name, orphans)
    if deleted:
        parameters: dict[str, Any] = {"user_id": user_id, "ids": deleted}
        note(collection.table, execute(statements.delete(collection), parameters).rowcount)
    same = [row_id for row_id, state in states.items() if state and stored[row_id].equals(state)]
    if same:
        # A row that does not change keeps its revision.
        execute(statements.delete(collection), {"user_id": user_id, "ids": same})
    if kept:
        rows = [
            {"id": row_id, "_deleted": stored[row_id].parent_deleted, **values}
            for row_id, values in kept.items()
        ]
        parameters = {"user_id": user_id, "rows": orjson.dumps(rows, default=_to_bytea).decode()}
        note(collection.table, execute(statements.upsert(collection), parameters).rowcount)
        new = sum(1 for row_id in kept if stored[row_id].values is None)
        if new:
            RECORDS_CREATED.labels(collection.table).inc(new)
    if collection.settle and states:
        collection.settle(
            user_id, [_change(row_id, stored[row_id], kept.get(row_id)) for row_id in states]
        )
    return len(states)


def _to_bytea(value: Any) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError


def _change(row_id: str, row: Stored, values: dict[str, Any] | None) -> Change:
    after = None if row.parent_deleted else values
    return Change(row_id, row.values, after, revived=row.deleted and after is not None)
