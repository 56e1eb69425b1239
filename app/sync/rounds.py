"""The record of a round: which device synced when, how far, and how much; metrics and log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from flask import g
from sqlalchemy import select, tuple_

from app.database.connection import commit_with, given_up_when_disk_full
from app.errors import Problem
from app.extensions import db
from app.operations.metrics import SYNC_ROUNDS, SYNC_ROWS
from app.pages import PageQuery, decode_cursor, page_of
from app.sync.models import SyncSession

# An empty round is a client asking whether there is news; a write for each would cost more than
# the answer.
QUIET_SECONDS = 60
MAX_REMEMBERED = 10_000

_RECORD = """
INSERT INTO sync_sessions AS s
    (user_id, device_id, client, hour, rev, rounds, rows_pulled, rows_pushed, conflicts)
VALUES (%(user_id)s, %(device_id)s, %(client)s, date_trunc('hour', now(), 'UTC'), %(rev)s, 1,
    %(pulled)s, %(pushed)s, %(conflicts)s)
ON CONFLICT (user_id, device_id, client, hour) DO UPDATE SET
    last_at = excluded.last_at, rev = greatest(s.rev, excluded.rev), rounds = s.rounds + 1,
    rows_pulled = s.rows_pulled + excluded.rows_pulled,
    rows_pushed = s.rows_pushed + excluded.rows_pushed,
    conflicts = s.conflicts + excluded.conflicts
"""

_recorded: dict[tuple[UUID, str], float] = {}


@dataclass
class Round:
    """One pull or push.

    Attributes:
        client: rxdb or watermelondb.
        kind: pull or push.
        rev: the newest revision that the client has after a pull.
        rows: sent by a pull, or written by a push.
        conflicts: rows of a push that were not written.
    """

    client: Literal["rxdb", "watermelondb"]
    kind: Literal["pull", "push"]
    rev: int = 0
    rows: int = 0
    conflicts: int = 0


@contextmanager
def sync_round(
    client: Literal["rxdb", "watermelondb"], kind: Literal["pull", "push"], user_id: UUID
) -> Iterator[Round]:
    """Record what happens inside, and commit it with the rest of the round."""
    this = Round(client, kind)
    try:
        yield this
    except Problem as problem:
        SYNC_ROUNDS.labels(client, kind, "conflict" if problem.status == 409 else "refused").inc()
        raise
    _record(this, user_id)
    # What was pulled is read, and may go out unrecorded.
    with given_up_when_disk_full() if kind == "pull" else nullcontext():
        db.session.commit()
    outcome = "conflict" if this.conflicts else "done" if this.rows else "empty"
    SYNC_ROUNDS.labels(client, kind, outcome).inc()
    if this.rows:
        SYNC_ROWS.labels(client, kind).inc(this.rows)
    g.log_facts = {
        "event_kind": "sync",
        "sync_client": client,
        "sync_rows": this.rows,
        "sync_conflicts": this.conflicts,
        "sync_rev": this.rev,
    }


def _record(this: Round, user_id: UUID) -> None:
    key, now = (g.device_id, this.client), time.monotonic()
    empty = not (this.rows or this.conflicts)
    if empty and now - _recorded.get(key, -QUIET_SECONDS) < QUIET_SECONDS:
        return
    if len(_recorded) >= MAX_REMEMBERED:
        _recorded.clear()
    _recorded[key] = now
    commit_with(
        _RECORD,
        {
            "user_id": user_id,
            "device_id": g.device_id,
            "client": this.client,
            "rev": this.rev,
            "pulled": this.rows if this.kind == "pull" else 0,
            "pushed": this.rows if this.kind == "push" else 0,
            "conflicts": this.conflicts,
        },
    )


def list_sessions(user_id: UUID, query: PageQuery) -> dict[str, Any]:
    """One page of the user's sync sessions, the latest first.

    Raises:
        Unprocessable: the cursor is none of this list.
    """
    key = tuple_(SyncSession.last_at, SyncSession.device_id, SyncSession.client)
    statement = select(SyncSession).where(SyncSession.user_id == user_id)
    if query.after:
        last = decode_cursor(query.after, datetime.fromisoformat, UUID, str)
        statement = statement.where(key < tuple_(*last))
    ordered = statement.order_by(*(column.desc() for column in key.clauses))
    rows = db.session.scalars(ordered.limit(query.limit + 1)).all()
    return page_of(
        rows, query.limit, lambda row: (row.last_at.isoformat(), str(row.device_id), row.client)
    )
