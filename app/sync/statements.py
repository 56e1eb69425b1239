"""The SQL of a collection, put together once: tables and columns of ours, values as parameters.

Plain SQL, because a round moves many rows: mapping each to an object costs more than all else.
"""

from functools import cache
from typing import Any

from sqlalchemy import ARRAY, JSON, DateTime, LargeBinary
from sqlalchemy.dialects import postgresql

from app.sync.collection import Collection

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
# The two columns of every row that WatermelonDB fills by itself.
TIMESTAMPS = ("created_at", "updated_at")


@cache
def json_fields(collection: Collection) -> frozenset[str]:
    """The client-owned columns that hold lists or objects."""
    return _of_type(collection, ARRAY | JSON)


@cache
def time_fields(collection: Collection) -> frozenset[str]:
    """The client-owned columns that hold a moment."""
    return _of_type(collection, DateTime)


@cache
def page(collection: Collection) -> str:
    """The rows after a checkpoint of RxDB, with the user's counter; one statement, one snapshot.

    `rev >=` repeats a part of the comparison: it is the part that an index can always serve below
    row-level security.
    """
    pairs = [
        _pair(name, _as_json(collection, name))
        for name in ("id", *collection.owned, *collection.derived)
    ]
    pairs.append("'_deleted', t.deleted_at IS NOT NULL")
    return f"""
    SELECT s.rev AS newest, s.purge_floor, d.rev, d.id, d.document
    FROM sync_state AS s LEFT JOIN LATERAL (
        SELECT t.rev, t.id, json_build_object({", ".join(pairs)})::text AS document
        FROM {collection.table} AS t
        WHERE t.user_id = %(user_id)s AND t.rev >= %(rev)s::bigint
            AND (t.rev, t.id) > (%(rev)s::bigint, %(id)s::text)
        ORDER BY t.rev, t.id LIMIT %(limit)s::bigint
    ) AS d ON true
    WHERE s.user_id = %(user_id)s
    ORDER BY d.rev, d.id
    """  # noqa: S608 - names of our own


@cache
def documents(collection: Collection) -> str:
    """The documents of RxDB with certain ids."""
    pairs = [
        _pair(name, _as_json(collection, name))
        for name in ("id", *collection.owned, *collection.derived)
    ]
    pairs.append("'_deleted', t.deleted_at IS NOT NULL")
    return f"""
    SELECT json_build_object({", ".join(pairs)})::text FROM {collection.table} AS t
    WHERE t.user_id = %(user_id)s AND t.id = ANY(%(ids)s::text[]) ORDER BY t.id
    """  # noqa: S608 - names of our own


@cache
def changes(collections: tuple[Collection, ...]) -> str:
    """What changed in all collections, for WatermelonDB; one statement, one snapshot.

    `since_<n>` is the revision that the client has of collection n: 0 for one that is new to it.
    Deletions up to `known` are left out. `bytes` is the sum up to the row: the first row that makes
    it more than `max_bytes` is the last.
    """
    parts = [_changes_of(number, collection) for number, collection in enumerate(collections)]
    return f"""
    SELECT s.rev AS newest, s.purge_floor, c.number, c.rev, c.id, c.document, c.bytes
    FROM sync_state AS s LEFT JOIN LATERAL (
        SELECT * FROM (
            SELECT *, coalesce(octet_length(document), 0) AS size,
                sum(coalesce(octet_length(document), 0))
                    OVER (ORDER BY rev, number, id ROWS UNBOUNDED PRECEDING) AS bytes
            FROM (
                SELECT * FROM ({" UNION ALL ".join(parts)}) AS u
                ORDER BY rev, number, id LIMIT %(limit)s::bigint
            ) AS v
        ) AS w
        WHERE %(max_bytes)s::bigint IS NULL OR bytes - size <= %(max_bytes)s::bigint
    ) AS c ON true
    WHERE s.user_id = %(user_id)s
    ORDER BY c.rev, c.number, c.id
    """  # noqa: S608 - names of our own


def _changes_of(number: int, collection: Collection) -> str:
    pairs = [
        _pair(name, _for_watermelon(collection, name))
        for name in ("id", *collection.owned, *collection.derived, *TIMESTAMPS)
    ]
    return f"""(
        SELECT {number} AS number, t.rev, t.id, CASE WHEN t.deleted_at IS NULL
            THEN json_build_object({", ".join(pairs)})::text END AS document
        FROM {collection.table} AS t
        WHERE t.user_id = %(user_id)s
            AND t.rev > %(since_{number})s::bigint AND t.rev <= %(until)s::bigint
            AND (t.deleted_at IS NULL OR t.rev > %(known)s::bigint)
        ORDER BY t.rev, t.id LIMIT %(limit)s::bigint
    )"""  # noqa: S608 - names of our own


@cache
def present(collection: Collection) -> str:
    """What is stored of certain rows, and whether their parents are there."""
    columns = ", ".join(f't."{name}"' for name in collection.owned)
    parent, found = "", "true, false"
    if collection.parent:
        found = "p.id IS NOT NULL, p.deleted_at IS NOT NULL"
        table = collection.parent.model.__tablename__
        parent = f"""LEFT JOIN {table} AS p ON p.user_id = %(user_id)s
            AND p.id = coalesce(w.parent, t."{collection.parent.column}")"""
    return f"""
    SELECT w.id, {found}, t.rev, t.deleted_at IS NOT NULL, {columns}
    FROM unnest(%(ids)s::text[], %(parents)s::text[]) AS w (id, parent)
    LEFT JOIN {collection.table} AS t ON t.user_id = %(user_id)s AND t.id = w.id
    {parent}
    """  # noqa: S608 - names of our own


@cache
def upsert(collection: Collection) -> str:
    """Store rows given as one JSON array.

    A row stored as deleted gets a new time of deletion, and so a new revision: the client that
    sent it as live must hear of it.
    """
    names = ["id", *collection.owned]
    columns = ", ".join(f'"{name}"' for name in names)
    types = ", ".join(f'"{name}" {_type(collection, name)}' for name in names)
    updates = ", ".join(f'"{name}" = excluded."{name}"' for name in collection.owned)
    values = ", ".join(f'r."{name}"' for name in names)
    return f"""
    INSERT INTO {collection.table} (user_id, {columns}, deleted_at)
    SELECT %(user_id)s, {values}, CASE WHEN r._deleted THEN clock_timestamp() END
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r ({types}, _deleted boolean)
    ON CONFLICT (user_id, id) DO UPDATE SET {updates}, deleted_at = excluded.deleted_at
    """  # noqa: S608 - names of our own


@cache
def delete(collection: Collection) -> str:
    """Make tombstones of rows; their values stay."""
    return f"""
    UPDATE {collection.table} SET deleted_at = clock_timestamp()
    WHERE user_id = %(user_id)s AND id = ANY(%(ids)s::text[]) AND deleted_at IS NULL
    """  # noqa: S608 - names of our own


def _of_type(collection: Collection, kinds: Any) -> frozenset[str]:
    columns = collection.model.__table__.c
    return frozenset(name for name in collection.owned if isinstance(columns[name].type, kinds))


def _type(collection: Collection, name: str) -> str:
    column = collection.model.__table__.c[name]
    text: str = column.type.compile(dialect=_DIALECT)
    return text


def _pair(name: str, value: str | None = None) -> str:
    return f"'{name}', {value or _column(name)}"


def _as_json(collection: Collection, name: str) -> str:
    """A column as JSON can carry it: bytes as base64, which PostgreSQL breaks into lines."""
    column = _column(name)
    if isinstance(collection.model.__table__.c[name].type, LargeBinary):
        return f"translate(encode({column}, 'base64'), E'\\n', '')"
    return column


def _column(name: str) -> str:
    return f't."{name}"'


def _for_watermelon(collection: Collection, name: str) -> str:
    """A column as WatermelonDB can keep it: text, a number or a boolean."""
    kind = collection.model.__table__.c[name].type
    column = _column(name)
    if isinstance(kind, ARRAY):
        return f"array_to_json({column})::text"
    if isinstance(kind, JSON):
        return f"{column}::text"
    if isinstance(kind, DateTime):
        return f"(extract(epoch FROM {column}) * 1000)::bigint"
    return _as_json(collection, name)
