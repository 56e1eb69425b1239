"""Habit templates: what people may begin with."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.content.collections import ContentCollection, ContentData, Localized, LongText
from app.products.habits.schemas import ScheduleFields


class Source(BaseModel):
    """The publication behind a template."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    citation: LongText
    doi: Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    url: Annotated[str, StringConstraints(pattern=r"^https://\S+$")] | None = None

    @model_validator(mode="after")
    def be_findable(self) -> Self:
        """A reader must be able to look it up."""
        if self.doi is None and self.url is None:
            raise ValueError("needs a doi or a url")
        return self


class HabitTemplate(ScheduleFields, ContentData):
    """A habit to begin with; its schedule has the fields of POST /v1/habits."""

    description: Localized[LongText]
    reason: Localized[LongText]
    difficulty: Literal["easy", "medium", "hard"]
    minutes: int = Field(ge=0, le=240)
    sources: Annotated[list[Source], Field(min_length=1, max_length=5)]


collections = [
    ContentCollection(name="habit_templates", schema=HabitTemplate, locales=("en", "de"))
]
