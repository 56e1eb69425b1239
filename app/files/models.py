"""What is known of a user's file; its bytes are in the storage."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, OwnedRow
from app.files import keys


class UserFile(OwnedRow, Base):
    """A file: `pending` until its bytes are proven to be what was declared, then `stored`.

    `object_id` names the bytes. It is made here, and anew when a deleted id comes back, so a link
    that was signed for the file before cannot touch its successor.
    """

    __tablename__ = "user_files"

    name: Mapped[str]
    purpose: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    object_id: Mapped[UUID]
    state: Mapped[str]
    stored_at: Mapped[datetime | None]

    @property
    def upload_key(self) -> str:
        """Key under which clients put the bytes, as yet unproven."""
        return keys.upload_key(self.user_id, self.object_id)

    @property
    def object_key(self) -> str:
        """Key of the proven bytes; no client can write there."""
        return keys.object_key(self.user_id, self.object_id)
