"""All files of one user, for the export and the deletion of an account."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.extensions import db
from app.files.keys import owner_prefix
from app.files.models import UserFile
from app.files.storage import current_storage
from app.operations.metrics import FILE_BYTES


@dataclass(frozen=True)
class Holding:
    """A stored file; its name is no path, but two files may have the same."""

    id: str
    name: str
    purpose: str
    content_type: str
    size: int
    sha256: str
    stored_at: datetime | None
    key: str

    def read(self) -> Iterator[bytes]:
        """The bytes, in chunks; needs no database.

        Raises:
            ObjectMissing: the storage has lost them.
            Unavailable: it does not answer.
        """
        return current_storage().open(self.key).chunks


def stored_files(user_id: UUID) -> list[Holding]:
    """The user's stored files, by id, for the transaction's user (`act_as`)."""
    rows = db.session.scalars(
        select(UserFile)
        .where(
            UserFile.user_id == user_id, UserFile.state == "stored", UserFile.deleted_at.is_(None)
        )
        .order_by(UserFile.id)
    )
    return [
        Holding(
            file.id,
            file.name,
            file.purpose,
            file.content_type,
            file.size,
            file.sha256,
            file.stored_at,
            file.object_key,
        )
        for file in rows
    ]


def delete_objects(user_id: UUID) -> int:
    """Remove the bytes of all the user's files, also of those being uploaded; a repeat goes on.

    The rows are the caller's: they go with the account. An upload link that is still valid may put
    an object back, which the clean-up takes for an orphan.

    Returns:
        the number of objects.

    Raises:
        Unavailable: the storage does not answer; call it again later.
    """
    storage = current_storage()
    removed = 0
    for found in storage.list(owner_prefix(user_id)):
        storage.delete(found.key)
        FILE_BYTES.labels("removed").inc(found.size)
        removed += 1
    return removed
