"""Rows of one user, as every product finds, lists, makes and changes them.

Writers lock the feed first (`app.database.feed`); `find_to_change` does it for them.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, TypeVarTuple
from uuid import UUID, uuid4

from pydantic import BaseModel, ValidationError
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.database.base import OwnedRow
from app.database.feed import lock_feed
from app.errors import Conflict, NotFound, invalid_input
from app.etags import require_match
from app.extensions import db
from app.operations.metrics import RECORDS_CREATED
from app.pages import PageQuery, decode_cursor, page_of

Row = TypeVar("Row", bound=OwnedRow)
Key = TypeVarTuple("Key")


def find(model: type[Row], user_id: UUID, row_id: str, missing: str) -> Row:
    """Find a row of the user.

    Args:
        model: its table.
        user_id: whose it is.
        row_id: its id.
        missing: what the answer says when there is none.

    Raises:
        NotFound: the user has none of this id, or it is deleted.
    """
    row = db.session.get(model, (user_id, row_id), populate_existing=True)
    if row is None or row.deleted_at:
        raise NotFound(missing)
    return row


def find_to_change(
    find_row: Callable[[UUID, *Key], Row], output: type[BaseModel], user_id: UUID, *key: *Key
) -> Row:
    """Lock the user's feed and find a row, to change or delete what its client has seen of it.

    Args:
        find_row: finds it, by the user and the key.
        output: schema of the row in an answer.
        user_id: whose it is.
        key: what else finds it.

    Raises:
        PreconditionFailed: it is not the revision that If-Match names.
        Problem: what `find_row` raises.
    """
    lock_feed(user_id)
    row = find_row(user_id, *key)
    require_match(row, output)
    return row


def find_to_replace(
    model: type[Row], user_id: UUID, row_id: str, output: type[BaseModel]
) -> Row | None:
    """Find what a PUT writes over; the feed is locked.

    Args:
        model: its table.
        user_id: whose it is.
        row_id: its id.
        output: schema of the row in an answer.

    Returns:
        the row; None when there is none, or it is deleted.

    Raises:
        PreconditionFailed: it is not the revision that If-Match names, or it is there and
            If-None-Match wants it not to be.
    """
    row = db.session.get(model, (user_id, row_id), populate_existing=True)
    found = None if row is None or row.deleted_at else row
    require_match(found, output)
    return found


def present(model: type[Row], user_id: UUID) -> Select[Row]:
    """Select the user's rows that are not deleted."""
    return select(model).where(model.user_id == user_id, model.deleted_at.is_(None))


def page_by_id(model: type[Row], statement: Select[Row], query: PageQuery) -> dict[str, Any]:
    """One page of the selected rows, by id.

    Raises:
        Unprocessable: the query's cursor is of another list.
    """
    if query.after:
        statement = statement.where(model.id > decode_cursor(query.after, str)[0])
    rows = db.session.scalars(statement.order_by(model.id).limit(query.limit + 1)).all()
    return page_of(rows, query.limit, lambda row: (row.id,))


def find_repeat(
    model: type[Row],
    user_id: UUID,
    row_id: str | None,
    fields: Mapping[str, Any],
    output: type[BaseModel],
) -> Row | None:
    """Find what a creation that is repeated, after a lost reply, has made before.

    Args:
        model: the table of the row to create.
        user_id: whose it will be.
        row_id: the id that the client gave it.
        fields: its fields.
        output: schema of the row in an answer.

    Returns:
        the row, if it is as it would be now; None when there is none to be found.

    Raises:
        Conflict: the id is taken by a row with other content; that row is in the answer.
    """
    row = db.session.get(model, (user_id, row_id), populate_existing=True) if row_id else None
    if row is None or row.deleted_at:
        return None
    if any(getattr(row, name) != value for name, value in fields.items()):
        current = output.model_validate(row).model_dump(mode="json")
        raise Conflict("The id is taken by another of yours.", current=current)
    return row


def store_new(
    model: type[Row], user_id: UUID, row_id: str | None, fields: Mapping[str, Any]
) -> Row:
    """Create a row, or bring a deleted one of this id back with new content; commits.

    Args:
        model: its table.
        user_id: whose it is.
        row_id: its id; made here when None.
        fields: its fields.
    """
    row_id = row_id or str(uuid4())
    row = db.session.get(model, (user_id, row_id))
    if row is None:
        row = model()
        assign(row, {"user_id": user_id, "id": row_id})
        db.session.add(row)
    assign(row, {**fields, "deleted_at": None})
    db.session.commit()
    RECORDS_CREATED.labels(str(model.__table__)).inc()
    return row


def changed(row: OwnedRow, schema: type[BaseModel], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row with changes, by the rules for a whole row.

    Raises:
        Problem: 422, they would be no valid row.
    """
    before = {name: getattr(row, name) for name in schema.model_fields}
    try:
        return schema.model_validate({**before, **changes}).model_dump()
    except ValidationError as error:
        raise invalid_input(error) from None


def assign(row: OwnedRow, fields: Mapping[str, Any]) -> None:
    """Write fields to a row."""
    for name, value in fields.items():
        setattr(row, name, value)


def find_crowded(
    model: type[Row],
    user_id: UUID,
    parent: InstrumentedAttribute[str],
    parent_ids: Collection[str],
    most: int,
) -> str | None:
    """Find a parent that has too many rows.

    Args:
        model: the table of the rows.
        user_id: whose they are.
        parent: the column that holds the parent's id.
        parent_ids: the parents to look at.
        most: rows that a parent may have.

    Returns:
        the id of one that has more; None when there is none.
    """
    return db.session.scalar(
        present(model, user_id)
        .where(parent.in_(parent_ids))
        .with_only_columns(parent)
        .group_by(parent)
        .having(func.count() > most)
        .limit(1)
    )


def delete_where(model: type[Row], user_id: UUID, condition: ColumnElement[bool]) -> None:
    """Make tombstones of the user's rows that meet a condition; the caller commits."""
    db.session.execute(
        update(model)
        .where(model.user_id == user_id, model.deleted_at.is_(None), condition)
        .values(deleted_at=datetime.now(UTC))
        .execution_options(synchronize_session=False)
    )
