"""What the analytics endpoints take and give."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.schemas import Input, Output, refuse

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)
DEFAULT_DAYS = 28
MAX_DAYS = 400

Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]


class PeriodQuery(Input):
    """Days in UTC, both included; the last 28 unless told otherwise."""

    start: Day | None = Field(None, description="First day.")
    end: Day | None = Field(None, description="Last day.")

    @model_validator(mode="after")
    def limit_length(self) -> Self:
        """A period has 1 to 400 days."""
        first, last = self.days
        if not 0 <= (last - first).days < MAX_DAYS:
            refuse(
                {"end": f"must be 0 to {MAX_DAYS - 1} days after start; it is today if not given"}
            )
        return self

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day."""
        last = self.end or max(datetime.now(UTC).date(), self.start or FIRST_DAY)
        return self.start or last - timedelta(days=DEFAULT_DAYS - 1), last


class CountOutput(Output):
    start: date = Field(description="First day of the day, week (Monday) or month.")
    active: int = Field(description="People who used the API.")


class DayOutput(CountOutput):
    registered: int


class CohortOutput(Output):
    week: date = Field(description="The Monday of the week in which these people registered.")
    people: int
    active: list[int] = Field(description="How many were active in that week, the next, and so on.")


class DeviceFiguresOutput(Output):
    logged_in: int
    seen: int = Field(description="Of these, devices seen in the period or later.")
    per_person: float | None = Field(description="Logged-in devices of a person who has any.")


class UsageOutput(Output):
    start: date
    end: date
    days: list[DayOutput]
    weeks: list[CountOutput]
    months: list[CountOutput]
    cohorts: list[CohortOutput]
    devices: DeviceFiguresOutput


class FigureOutput(Output):
    name: str
    value: float | None = Field(description="Null when there is nothing to reckon it from.")
    description: str


class BehaviourOutput(Output):
    start: date
    end: date
    products: dict[str, list[FigureOutput]] = Field(description="Figures by product.")


class BusinessOutput(Output):
    start: date
    end: date
    accounts: int = Field(description="Accounts now, without those being deleted.")
    registered: int = Field(description="Accounts registered in the period.")
    deleting: int = Field(description="Accounts that wait for their deletion.")
    active: int = Field(description="People active in the period.")
    dormant: int = Field(description="Accounts not active in the period, and older than it.")
    activated: int = Field(description="Of those registered in it, active on a later day too.")
    activation: float | None = Field(description="Activated of registered, 0 to 1.")
    stickiness: float | None = Field(description="People active on a mean day, of all active.")
