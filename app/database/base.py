"""Base class and mixins of the models."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, ForeignKey, FromClause, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry


class Base(DeclarativeBase):
    """Base of all models; timestamps carry their zone, text has no length."""

    registry = registry(type_annotation_map={datetime: DateTime(timezone=True), str: Text()})


class OwnedRow:
    """Columns of a row that belongs to one user and travels through the sync feed.

    `rev` and `updated_at` are stamped by the trigger `stamp_revision`; never write them.
    """

    # Every model has them, from `Base` too.
    __tablename__: str
    __table__: ClassVar[FromClause]

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    rev: Mapped[int] = mapped_column(
        BigInteger, server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    deleted_at: Mapped[datetime | None]
