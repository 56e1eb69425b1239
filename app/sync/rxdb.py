"""RxDB's replication protocol (rxdb 17), one collection at a time.

https://rxdb.info/replication-http.html describes the two calls that its clients make.
"""

from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import ValidationError

from app.database.connection import execute
from app.database.feed import lock_feed
from app.errors import Problem, Unprocessable
from app.schemas import Body
from app.sync import statements, store
from app.sync.collection import Collection
from app.sync.rounds import sync_round
from app.sync.schemas import PullQuery, PushRow

CLIENT: Final = "rxdb"


class ResyncNeeded(Problem):
    """Deletions that the client has not seen are gone from the feed, or it saw another one."""

    status, type = 410, "resync-needed"


def pull(collection: Collection, user_id: UUID, query: PullQuery) -> bytes:
    """The documents after a checkpoint, and the checkpoint after them, as JSON.

    A page that is not full ends at the newest revision: there is nothing before it any more. The
    member `floor` of a checkpoint is how far tombstones were purged when the client began from
    nothing: it has no row that those could have told it to drop.

    Raises:
        ResyncNeeded: the client was away for longer than tombstones are kept, or knows what a
            restored database does not.
    """
    with sync_round(CLIENT, "pull", user_id) as this:
        rows = execute(
            statements.page(collection),
            {"user_id": user_id, "rev": query.rev, "id": query.id, "limit": query.limit},
        ).fetchall()
        newest, purge_floor, *_ = rows[0]
        floor = query.floor if query.rev else purge_floor
        away = query.rev < purge_floor and floor < purge_floor
        # Who saw what is newer than all there is saw it before the database was set back.
        if away or query.rev > newest:
            raise ResyncNeeded(
                "This device was away for too long, or the database was set back: remove its local "
                "copy of the collection and sync from nothing."
            )
        rev, row_id = query.rev, query.id
        # Without any row there is one of the counter alone.
        documents = [orjson.Fragment(document) for *_, document in rows if document is not None]
        if documents:
            *_, rev, row_id, _ = rows[-1]
        if len(documents) < query.limit and rev < newest:
            rev, row_id = newest, ""
        this.rows, this.rev = len(documents), rev
    return orjson.dumps(
        {
            "documents": documents,
            "checkpoint": {"rev": rev, "id": row_id, "floor": floor},
        }
    )


def push(collection: Collection, user_id: UUID, rows: list[PushRow]) -> bytes:
    """Store the states that follow from what the client knows; return the others' rows, as JSON.

    A row is a conflict when it is neither what the client assumed nor what it wants. What is no
    conflict is stored, also beside conflicts.

    Raises:
        Problem: 422, a row is not valid; nothing is stored.
        ParentMissing: a row belongs to one that is not here; nothing is stored.
    """
    with sync_round(CLIENT, "push", user_id) as this:
        wanted = _wanted(collection, rows)
        parent = collection.parent.column if collection.parent else None
        lock_feed(user_id)
        stored = store.read(
            collection,
            user_id,
            {
                row_id: getattr(state, parent) if state and parent else None
                for row_id, state in wanted.items()
            },
        )
        states: dict[str, Body | None] = {}
        conflicts: list[str] = []
        for row, (row_id, state) in zip(rows, wanted.items(), strict=True):
            if stored[row_id].equals(state) and not _is_news(
                collection, stored[row_id], row, state
            ):
                continue
            if _is_assumed(collection, stored[row_id], row.assumedMasterState):
                states[row_id] = state
            else:
                conflicts.append(row_id)
        this.rows = store.write(collection, user_id, stored, states)
        this.conflicts = len(conflicts)
        found = _documents(collection, user_id, conflicts) if conflicts else []
    return orjson.dumps(found)


def _documents(collection: Collection, user_id: UUID, ids: list[str]) -> list[orjson.Fragment]:
    rows = execute(statements.documents(collection), {"user_id": user_id, "ids": ids})
    return [orjson.Fragment(document) for (document,) in rows]


def _wanted(collection: Collection, rows: list[PushRow]) -> dict[str, Body | None]:
    """The states that a client wants, by the rows' ids; None is a deleted row."""
    wanted: dict[str, Body | None] = {}
    for index, row in enumerate(rows):
        place = f"{index}.newDocumentState"
        document = row.newDocumentState
        row_id = store.check_id(collection, document.get("id"), place)
        if row_id in wanted:
            raise Unprocessable(f"{place}.id", "is in this push already")
        deleted = document.get("_deleted", False)
        if not isinstance(deleted, bool):
            raise Unprocessable(f"{place}._deleted", "must be true or false")
        wanted[row_id] = (
            None
            if deleted
            else store.validate(collection, row_id, _owned(collection, document), place)
        )
    return wanted


def _owned(collection: Collection, document: dict[str, Any]) -> dict[str, Any]:
    """A document without what the server keeps, which clients send back as they got it."""
    ignored = {"id", *collection.derived}
    return {
        name: value
        for name, value in document.items()
        if name not in ignored and not name.startswith("_")
    }


def _is_news(
    collection: Collection, stored: store.Stored, row: PushRow, state: Body | None
) -> bool:
    """Whether a client must hear of a row that is as it wants it but for its form.

    One that knew it would otherwise go on with what it sent.
    """
    return (
        state is not None
        and not store.is_as_sent(_owned(collection, row.newDocumentState), state)
        and _is_assumed(collection, stored, row.assumedMasterState)
    )


def _is_assumed(
    collection: Collection, stored: store.Stored, assumed: dict[str, Any] | None
) -> bool:
    """Whether a row is what the client took it for.

    A row that is not here may have been purged: the client's state is then the only one.
    """
    if stored.values is None:
        return True
    if assumed is None:
        return False
    if assumed.get("_deleted"):
        return stored.equals(None)
    try:
        return stored.equals(collection.fields.model_validate(_owned(collection, assumed)))
    except ValidationError:
        return False
