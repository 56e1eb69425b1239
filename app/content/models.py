"""Documents, their versions, and what is known of the upstream's collections."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, FetchedValue, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base


class Document(Base):
    """The present version of a document; a deleted one stays, so that its versions go on.

    `version`, `updated_at` and `changed_by` are stamped by the trigger `stamp_content_version`,
    which also keeps each version; never write them. `origin` is `seed`, `local` or `upstream`.
    """

    __tablename__ = "content_documents"

    collection: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(
        BigInteger, server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    origin: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    words: Mapped[list[str]] = mapped_column(ARRAY(Text))
    published: Mapped[bool]
    published_from: Mapped[datetime | None]
    published_until: Mapped[datetime | None]
    changed_by: Mapped[UUID | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    deleted_at: Mapped[datetime | None]

    @property
    def rev(self) -> int:
        """What its ETag is made of."""
        return self.version


class DocumentVersion(Base):
    """A version that a document has or had; `deleted` is one that took it away."""

    __tablename__ = "content_versions"

    collection: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    origin: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    published: Mapped[bool]
    published_from: Mapped[datetime | None]
    published_until: Mapped[datetime | None]
    deleted: Mapped[bool]
    changed_by: Mapped[UUID | None]
    created_at: Mapped[datetime]


class Source(Base):
    """When a collection was last fetched from the upstream, and what went wrong last.

    `etag` is that of the content last stored, at `url`.
    """

    __tablename__ = "content_sources"

    collection: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str | None]
    etag: Mapped[str | None]
    fetched_at: Mapped[datetime | None]
    next_fetch_at: Mapped[datetime]
    error: Mapped[str | None]
