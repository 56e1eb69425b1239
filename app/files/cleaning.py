"""Removing what no file needs, user by user: row-level security stays in force."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy import select, update

from app.accounts.models import User
from app.database.feed import lock_feed
from app.database.session import act_as
from app.extensions import db
from app.files.keys import ObjectKey, parse_key
from app.files.models import UserFile
from app.files.storage import StoredObject, current_storage
from app.operations.metrics import FILE_BYTES

# Also above the longest life of an upload link, and above how far two clocks may be apart.
GRACE = timedelta(days=1)


@dataclass
class Cleaned:
    """What a clean-up removed; `unfinished` are files whose upload was never completed."""

    unfinished: int = 0
    deleted: int = 0
    orphans: int = 0
    bytes: int = 0


def clean() -> Cleaned:
    """Give up unfinished uploads, and remove the objects that no file needs.

    Those are the objects of deleted files, at once, and any that no row names, after a day: an
    upload that was completed or replaced, what a crash left, an account that is gone. Objects whose
    key is none of ours stay.

    Raises:
        Unavailable: the storage does not answer; what was removed before stays removed.
    """
    cleaned = Cleaned()
    before = datetime.now(UTC) - GRACE
    act_as(None, scope="accounts")
    users = db.session.scalars(select(User.id)).all()
    db.session.commit()
    for user_id in users:
        cleaned.unfinished += _give_up(user_id, before)
    for user_id, objects in _by_owner():
        _remove_unneeded(user_id, objects, before, cleaned)
    return cleaned


def _give_up(user_id: UUID, before: datetime) -> int:
    act_as(user_id)
    unfinished = (
        UserFile.user_id == user_id,
        UserFile.state == "pending",
        UserFile.deleted_at.is_(None),
        # A deleted id that came back keeps its first created_at.
        UserFile.updated_at < before,
    )
    ended = 0
    if db.session.scalar(select(UserFile.id).where(*unfinished).limit(1)):
        lock_feed(user_id)
        statement = update(UserFile).where(*unfinished).values(deleted_at=datetime.now(UTC))
        ended = len(db.session.scalars(statement.returning(UserFile.id)).all())
    db.session.commit()
    return ended


def _by_owner() -> Iterator[tuple[UUID, list[tuple[ObjectKey, StoredObject]]]]:
    listed = ((parse_key(found.key), found) for found in current_storage().list())
    ours = ((key, found) for key, found in listed if key is not None)
    for user_id, group in groupby(ours, lambda pair: pair[0].user_id):
        yield user_id, list(group)


def _remove_unneeded(
    user_id: UUID,
    objects: list[tuple[ObjectKey, StoredObject]],
    before: datetime,
    cleaned: Cleaned,
) -> None:
    # Read after the listing: a row is there before its first object.
    act_as(user_id)
    rows = db.session.execute(
        select(UserFile.object_id, UserFile.state, UserFile.deleted_at.is_not(None)).where(
            UserFile.user_id == user_id
        )
    )
    known = {object_id: (state, deleted) for object_id, state, deleted in rows}
    db.session.commit()
    for key, found in objects:
        state, deleted = known.get(key.object_id, (None, False))
        needed = state is not None and not (key.unproven and state == "stored")
        if deleted:
            cleaned.deleted += 1
        elif not needed and found.modified < before:
            cleaned.orphans += 1
        else:
            continue
        current_storage().delete(found.key)
        cleaned.bytes += found.size
        FILE_BYTES.labels("removed").inc(found.size)
