"""The days on which a person used the API."""

from uuid import UUID

from flask import current_app
from sqlalchemy import text

from app.extensions import db

_INSERT = text(
    "INSERT INTO active_days (user_id, day) VALUES (:user_id, (now() AT TIME ZONE 'UTC')::date) "
    "ON CONFLICT DO NOTHING"
)


def mark_active(user_id: UUID) -> None:
    """Note that a user is active today (UTC), unless analytics is off; the caller commits.

    Called when tokens are handed out. An access token lives for minutes, so who uses the API on a
    day gets one on that day, or at the most one such life before it.
    """
    if current_app.extensions["settings"].analytics_enabled:
        db.session.execute(_INSERT, {"user_id": user_id})
