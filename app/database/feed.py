"""The revision feed of a user, for those who write to it."""

from uuid import UUID

from sqlalchemy import text

from app.extensions import db

_LOCK = text("SELECT rev FROM sync_state WHERE user_id = :user_id FOR UPDATE")
_BEGIN = text("INSERT INTO sync_state (user_id) VALUES (:user_id) ON CONFLICT DO NOTHING")


def lock_feed(user_id: UUID) -> None:
    """Keep the user's other writers out until the transaction ends.

    All writers of one user take this lock first, so they cannot deadlock over rows; also the first
    two of a new user, whose counter it begins.
    """
    key = {"user_id": user_id}
    if db.session.execute(_LOCK, key).first() is None:
        db.session.execute(_BEGIN, key)
        db.session.execute(_LOCK, key)
