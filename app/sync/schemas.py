"""What the sync endpoints take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json, RootModel

from app.schemas import Body, Input, Output

MAX_REVISION = 2**62


def _read_null(value: Any) -> Any:
    # WatermelonDB's clients put JavaScript's null into the address as it prints.
    return None if value == "null" else value


class PullQuery(Input):
    """The checkpoint that the pull before gave; all 0 and empty for the first."""

    rev: int = Field(0, ge=0, le=MAX_REVISION)
    id: str = Field("", max_length=80)
    floor: int = Field(0, ge=0, le=MAX_REVISION)
    limit: int = Field(100, ge=1, le=1000, description="Documents of a page: the `batchSize`.")


class CheckpointOutput(Output):
    rev: int
    id: str
    floor: int


class PullOutput(Output):
    documents: list[dict[str, Any]] = Field(
        description="With `_deleted`, in the order in which they changed."
    )
    checkpoint: CheckpointOutput


class PushRow(BaseModel):
    """One row of RxDB's push."""

    model_config = ConfigDict(extra="forbid")

    newDocumentState: dict[str, Any]  # noqa: N815 - the protocol's name
    assumedMasterState: dict[str, Any] | None = None  # noqa: N815 - the protocol's name


class PushInput(RootModel[list[PushRow]]):
    root: list[PushRow] = Field(min_length=1)


class PushOutput(RootModel[list[dict[str, Any]]]):
    """The present documents of the rows in conflict; empty when all are stored."""


class AddedColumns(Body):
    table: str
    columns: list[str]


class Migration(Body):
    """What a new schema of the client has that the one before had not."""

    model_config = ConfigDict(extra="ignore")

    tables: list[str] = Field([])
    columns: list[AddedColumns] = Field([])

    def touched(self) -> set[str]:
        """The tables of which the client needs all rows."""
        return {*self.tables, *(item.table for item in self.columns)}


Timestamp = Annotated[
    int, Field(ge=1, le=MAX_REVISION, description="`timestamp` of the pull before.")
]


class ChangesQuery(Input):
    last_pulled_at: Annotated[Timestamp | None, BeforeValidator(_read_null)] = None
    schema_version: Annotated[int | None, BeforeValidator(_read_null)] = Field(
        None, description="Of the client; for the log of whoever debugs it."
    )
    migration: Annotated[Json[Migration] | None, BeforeValidator(_read_null)] = Field(
        None, description="As the client makes it: `{from, tables, columns}` in JSON, or null."
    )


class ChangesPushQuery(Input):
    last_pulled_at: Timestamp


class TableChanges(BaseModel):
    """What changed in one table."""

    model_config = ConfigDict(extra="forbid")

    created: list[dict[str, Any]] = Field([])
    updated: list[dict[str, Any]] = Field([])
    deleted: list[str] = Field([])


class ChangesInput(RootModel[dict[str, TableChanges]]):
    """By the names of the tables."""


class ChangesOutput(Output):
    changes: dict[str, TableChanges]
    timestamp: int
    more: bool = Field(description="Whether the cap cut this answer: sync again.")
    experimentalStrategy: Literal["replacement"] | None = Field(  # noqa: N815 - the client's name
        None, description="The device was away for too long: this is everything there is."
    )


class SyncSessionOutput(Output):
    device_id: UUID
    client: Literal["rxdb", "watermelondb"]
    first_at: datetime
    last_at: datetime
    rev: int = Field(description="The newest revision that it pulled.")
    rounds: int
    rows_pulled: int
    rows_pushed: int
    conflicts: int


class SyncSessionsOutput(Output):
    items: list[SyncSessionOutput]
    next: str | None
