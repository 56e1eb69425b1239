"""The revision feed of a user: the lock that orders its writers."""

from uuid import UUID

from sqlalchemy import text

from app.extensions import db

_LOCK = text("SELECT FROM sync_state WHERE user_id = :user_id FOR UPDATE")


def lock_feed(user_id: UUID) -> None:
    """Let no other transaction write rows of this user until this one ends.

    All writers of one user take this lock first, so they cannot deadlock over rows, and what is
    read after it stays as it was read.
    """
    db.session.execute(_LOCK, {"user_id": user_id})
