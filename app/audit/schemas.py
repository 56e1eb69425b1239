"""What the audit endpoints take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.pages import PageQuery
from app.schemas import Moment, Output

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,30}\.[a-z_]{1,30}$")]


class EventsQuery(PageQuery):
    kind: Kind | None = Field(None, description="Only events of this kind.")
    start: Moment | None = Field(None, description="Only events from this moment on.")
    end: Moment | None = Field(None, description="Only events before this moment.")


class AllEventsQuery(EventsQuery):
    user_id: UUID | None = Field(None, description="Only events of this user.")


class EventOutput(Output):
    occurred_at: datetime
    id: UUID
    kind: str = Field(description="What happened, as `<area>.<act>`.")
    outcome: Literal["succeeded", "failed", "refused"]
    actor: Literal["user", "admin", "command", "nobody"]
    device_id: UUID | None
    request_id: str | None = Field(description="Finds the log lines.")
    client_network: str | None = Field(description="/24 of IPv4 or /48 of IPv6.")
    subject_table: str | None
    subject_id: str | None
    details: dict[str, Any]


class EventsOutput(Output):
    items: list[EventOutput]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class AnyEventOutput(EventOutput):
    user_id: UUID | None = Field(description="Stands for nobody after the account is purged.")


class AllEventsOutput(Output):
    items: list[AnyEventOutput]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
