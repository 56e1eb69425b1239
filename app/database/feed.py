"""The revision feed of a user: the lock that orders its writers."""

from uuid import UUID

from app.database.connection import execute

# Each restore of a backup sets the counters to the next multiple (after_restore.sql).
EPOCH = 1_000_000_000

_LOCK = "SELECT purge_floor FROM sync_state WHERE user_id = %(user_id)s FOR UPDATE"


def lock_feed(user_id: UUID) -> int:
    """Let no other transaction write rows of this user until this one ends.

    All writers of one user take this lock first, so they cannot deadlock over rows, and what is
    read after it stays as it was read.

    Returns:
        the purge floor: who last pulled below it may know rows that are not here any more, and
            surely does when that was in an epoch before.
    """
    [(floor,)] = execute(_LOCK, {"user_id": user_id}).fetchall()
    return int(floor)
