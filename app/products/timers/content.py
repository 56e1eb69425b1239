"""Timer templates: occasions that people may begin with."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from app.content.collections import ContentCollection, ContentData, Localized, LongText

# The part of RFC 5545, section 3.3.10, that the templates need.
Recurrence = Annotated[
    str,
    StringConstraints(
        max_length=200,
        pattern=r"^FREQ=(YEARLY|MONTHLY|WEEKLY)(;(INTERVAL|BYMONTH|BYMONTHDAY|BYDAY)=[A-Z0-9,+-]+)*$",
    ),
]
DaysBefore = Annotated[
    list[Annotated[int, Field(ge=0, le=366)]],
    Field(max_length=5, description="The furthest first."),
    AfterValidator(lambda days: sorted(set(days), reverse=True)),
]


class TimerTemplate(ContentData):
    """An occasion to count down to; it goes into a timer's payload."""

    description: Localized[LongText]
    icon: Annotated[str, StringConstraints(min_length=1, max_length=8)]
    kind: Literal["celebration", "holiday", "journey", "study", "work", "health", "household"]
    all_day: bool = True
    recurrence: Recurrence | None = None
    remind_days_before: DaysBefore


collections = [
    ContentCollection(name="timer_templates", schema=TimerTemplate, locales=("en", "de"))
]
