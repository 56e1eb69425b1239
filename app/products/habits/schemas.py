"""What the habit endpoints take and give."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from app.pages import PageQuery
from app.schemas import Body, Day, Input, Output, Patch, RowId, refuse

MAX_RANGE_DAYS = 731

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(max_length=2000)]
ScheduleName = Literal["daily", "weekdays", "weekly"]
Weekdays = Annotated[
    list[Annotated[int, Field(ge=1, le=7)]],
    Field(min_length=1, max_length=7, description="ISO weekdays: Monday is 1."),
    AfterValidator(lambda days: sorted(set(days))),
]
TimesPerWeek = Annotated[int, Field(ge=1, le=7)]


class ScheduleFields(BaseModel):
    """When a habit is due; `weekdays` and `times_per_week` go with the schedule of that name."""

    schedule: ScheduleName = "daily"
    weekdays: Weekdays | None = None
    times_per_week: TimesPerWeek | None = None

    @model_validator(mode="after")
    def match_schedule(self) -> Self:
        """Each schedule has its own field, and no other's."""
        faults = {}
        for name, schedule in (("weekdays", "weekdays"), ("times_per_week", "weekly")):
            if self.schedule == schedule and getattr(self, name) is None:
                faults[name] = f"is required with the schedule `{schedule}`"
            elif self.schedule != schedule and getattr(self, name) is not None:
                faults[name] = f"goes only with the schedule `{schedule}`"
        refuse(faults)
        return self


class HabitFields(ScheduleFields, Body):
    """A whole habit."""

    name: Name
    description: LongText = ""
    start_date: Day
    active: bool = True


class HabitInput(HabitFields):
    id: RowId | None = Field(None, description="Made here when missing.")


class HabitPatch(Patch):
    """The fields to change; a new schedule takes the fields of the old one away."""

    can_be_empty = frozenset({"weekdays", "times_per_week"})

    name: Name | None = None
    description: LongText | None = None
    schedule: ScheduleName | None = None
    weekdays: Weekdays | None = None
    times_per_week: TimesPerWeek | None = None
    start_date: Day | None = None
    active: bool | None = None


class HabitOutput(Output):
    id: str
    name: str
    description: str
    schedule: ScheduleName
    weekdays: list[int] | None
    times_per_week: int | None
    start_date: date
    active: bool
    rev: int
    created_at: datetime
    updated_at: datetime


class HabitsQuery(PageQuery):
    active: bool | None = Field(None, description="Only active, or only inactive habits.")


class HabitsOutput(Output):
    items: list[HabitOutput]
    next: str | None


class ProgressInput(Body):
    completed: bool
    note: LongText = ""


class ProgressFields(ProgressInput):
    """A whole day of a habit."""

    habit_id: RowId
    date: Day


class ProgressOutput(Output):
    id: str
    habit_id: str
    date: date
    completed: bool
    note: str
    streak: int = Field(description="The habit's streak up to and including this day.")
    rev: int
    created_at: datetime
    updated_at: datetime


class RangeQuery(Input):
    start: Day | None = Field(None, description="First day.")
    end: Day | None = Field(None, description="Last day.")


class ProgressQuery(PageQuery, RangeQuery):
    pass


class ProgressPageOutput(Output):
    items: list[ProgressOutput]
    next: str | None


class RateOutput(Output):
    start: date
    due: int
    done: int
    rate: float | None = Field(description="Done of due, 0 to 1; null when nothing was due.")


class StatisticsOutput(Output):
    today: date = Field(description="The day it is in your time zone.")
    unit: Literal["days", "weeks"]
    current_streak: int
    best_streak: int
    completed_days: int
    weeks: list[RateOutput]
    months: list[RateOutput]
