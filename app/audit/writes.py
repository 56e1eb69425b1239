"""Writes of owned rows: one event for a transaction of a request, not one for each row.

Each statement sent through SQLAlchemy is counted by table, and the counts become one event that is
sent with the COMMIT. That costs one insert per writing request; docs/audit.md has the figures.
"""

import re
from functools import cache
from typing import Any

from apiflask import APIFlask
from flask import g, has_request_context, request
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from app.audit.recording import record
from app.database.base import Base, OwnedRow
from app.database.connection import commit_with
from app.extensions import db

_WRITE = re.compile(r"\b(?:insert\s+into|update|delete\s+from)\s+\"?(\w+)", re.I)
_REMEMBERED = 1000

_targets: dict[str, str | None] = {}


def init_app(app: APIFlask) -> None:
    """Count the rows that the statements of an app's requests write."""
    # The models of this app may be more than those of one made before.
    _owned_tables.cache_clear()
    _targets.clear()
    with app.app_context():
        event.listen(db.engine, "after_cursor_execute", _count)


def note(table: str, rows: int) -> None:
    """Count rows written otherwise than by an INSERT, UPDATE or DELETE of SQLAlchemy.

    Args:
        table: the owned table.
        rows: how many, such as a SQL function tells.
    """
    counts: dict[str, int] = g.setdefault("audit_writes", {})
    counts[table] = counts.get(table, 0) + rows


def _count(
    _connection: Any, cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
) -> None:
    if statement not in _targets:
        # Statements are made by code and so are few; the bound is for those with inlined values.
        if len(_targets) >= _REMEMBERED:
            _targets.clear()
        _targets[statement] = _written_table(statement)
    table = _targets[statement]
    if table and cursor.rowcount > 0 and has_request_context():
        note(table, cursor.rowcount)


def _written_table(statement: str) -> str | None:
    """The owned table that a statement writes; the last one, of several in a WITH."""
    found = [name for name in _WRITE.findall(statement) if name in _owned_tables()]
    return found[-1] if found else None


@cache
def _owned_tables() -> frozenset[str]:
    return frozenset(
        str(mapper.local_table)
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, OwnedRow)
    )


@event.listens_for(Session, "before_commit")
def _record_writes(session: Session) -> None:
    if not has_request_context() or session.get_nested_transaction() is not None:
        return
    # What still waits in the session is written, and so counted, first.
    session.flush()
    counts: dict[str, int] | None = g.pop("audit_writes", None)
    if counts:
        subject = (next(iter(counts)), None) if len(counts) == 1 else None
        record(
            "rows.written",
            g.identity.user_id,
            subject=subject,
            send=commit_with,
            tables=counts,
            route=_route(),
        )


@event.listens_for(Session, "after_soft_rollback")
def _forget(_session: Session, previous: SessionTransaction) -> None:
    # After a savepoint the rows before it are still to be committed.
    if has_request_context() and not previous.nested:
        g.pop("audit_writes", None)


def _route() -> str:
    return f"{request.method} {request.url_rule}"
