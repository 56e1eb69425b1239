"""Events of the audit log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base


class AuditEvent(Base):
    """One event; the table is partitioned by month of `occurred_at` and can only be appended to.

    There is no foreign key to the user: an event outlives the account, and then stands for nobody.
    """

    __tablename__ = "audit_events"

    occurred_at: Mapped[datetime] = mapped_column(
        primary_key=True, server_default=func.clock_timestamp()
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    user_id: Mapped[UUID | None]
    actor: Mapped[str]
    device_id: Mapped[UUID | None]
    kind: Mapped[str]
    outcome: Mapped[str]
    request_id: Mapped[str | None]
    client_network: Mapped[str | None]
    subject_table: Mapped[str | None]
    subject_id: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
