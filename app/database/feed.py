"""The revision feed of a user: the lock that orders its writers."""

from typing import NamedTuple
from uuid import UUID

from app.database.connection import execute

# Each restore of a backup sets the counters to a later multiple (after_restore.sql).
EPOCH = 1_000

_LOCK = "SELECT rev, purge_floor FROM sync_state WHERE user_id = %(user_id)s FOR UPDATE"


class Feed(NamedTuple):
    """Where a user's feed is.

    Attributes:
        rev: the newest revision; who pulled a later one did so before the database was set back.
        floor: who last pulled below it may know rows that are not here any more, and surely does
            when that was in an epoch before.
    """

    rev: int
    floor: int


def lock_feed(user_id: UUID) -> Feed:
    """Let no other transaction write rows of this user until this one ends.

    All writers of one user take this lock first, so they cannot deadlock over rows, and what is
    read after it stays as it was read.
    """
    [(rev, floor)] = execute(_LOCK, {"user_id": user_id}).fetchall()
    return Feed(rev, floor)
