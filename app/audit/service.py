"""Reading the audit log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, tuple_

from app.audit.models import AuditEvent
from app.audit.recording import record
from app.audit.schemas import AllEventsQuery, EventsQuery
from app.database.session import act_as
from app.extensions import db
from app.pages import decode_cursor, page_of


def list_own(user_id: UUID, query: EventsQuery) -> dict[str, Any]:
    """One page of a user's events, the newest first."""
    return _page(select(AuditEvent).where(AuditEvent.user_id == user_id), query)


def list_all(admin_id: UUID, query: AllEventsQuery) -> dict[str, Any]:
    """One page of everybody's events, the newest first; that it was read is an event as well."""
    act_as(admin_id, scope="admin")
    statement = select(AuditEvent)
    if query.user_id:
        statement = statement.where(AuditEvent.user_id == query.user_id)
    page = _page(statement, query)
    filters = sorted(query.model_fields_set - {"limit", "after"})
    record("audit.read", admin_id, actor="admin", user=query.user_id, filters=filters)
    db.session.commit()
    return page


def _page(statement: Select[Any], query: EventsQuery) -> dict[str, Any]:
    if query.kind:
        statement = statement.where(AuditEvent.kind == query.kind)
    if query.start:
        statement = statement.where(AuditEvent.occurred_at >= query.start)
    if query.end:
        statement = statement.where(AuditEvent.occurred_at < query.end)
    key = tuple_(AuditEvent.occurred_at, AuditEvent.id)
    if query.after:
        last = decode_cursor(query.after, datetime.fromisoformat, UUID)
        statement = statement.where(key < tuple_(*last))
    ordered = statement.order_by(AuditEvent.occurred_at.desc(), AuditEvent.id.desc())
    rows = db.session.scalars(ordered.limit(query.limit + 1)).all()
    # Detached: the commit that follows must not have each row read again.
    db.session.expunge_all()
    return page_of(rows, query.limit, lambda row: (row.occurred_at.isoformat(), str(row.id)))
