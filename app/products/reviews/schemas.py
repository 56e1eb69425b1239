"""What the endpoints of reviews take and give."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.accounts.schemas import Locale
from app.pages import PageQuery
from app.schemas import Body, Input, Output, Patch, RowId

Rating = Annotated[int, Field(ge=1, le=5)]
Title = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Notes = Annotated[
    str, StringConstraints(max_length=2000), Field(description="For yourself; nobody else sees it.")
]
Reason = Literal["spam", "offensive", "spoiler", "off-topic", "illegal", "other"]


class ReviewFields(Body):
    """A whole review."""

    rating: Rating
    title: Title = ""
    text: Text = ""
    language: Locale = "en"
    spoiler: bool = Field(False, description="The text tells what happens.")
    published: bool = Field(True, description="Whether the public sees it, and it counts.")
    notes: Notes = ""


class ReviewInput(ReviewFields):
    id: RowId = Field(description="The book's id.")


class ReviewPatch(Patch):
    """The fields to change."""

    rating: Rating | None = None
    title: Title | None = None
    text: Text | None = None
    language: Locale | None = None
    spoiler: bool | None = None
    published: bool | None = None
    notes: Notes | None = None


class ReviewOutput(Output):
    id: str = Field(description="The book's id.")
    author_id: UUID = Field(description="By which the public knows you; not your user id.")
    rating: int
    title: str
    text: str
    language: str
    spoiler: bool
    published: bool
    notes: str
    hidden_at: datetime | None = Field(description="When an administrator hid it.")
    hidden_reason: Reason | None
    rev: int
    created_at: datetime
    updated_at: datetime


class ReviewsOutput(Output):
    items: list[ReviewOutput]
    next: str | None


class PublicReviewsQuery(PageQuery):
    sort: Literal["newest", "highest"] = Field("newest", description="What comes first.")


class PublicReviewOutput(Output):
    author_id: UUID = Field(description="The same in all reviews of this author.")
    author_name: str
    rating: int
    title: str
    text: str
    language: str
    spoiler: bool
    created_at: datetime
    updated_at: datetime


class PublicReviewsOutput(Output):
    items: list[PublicReviewOutput]
    next: str | None


class HistogramOutput(Output):
    """Ratings by their value."""

    one: int
    two: int
    three: int
    four: int
    five: int


class SummaryOutput(Output):
    book_id: str
    count: int
    sum: int
    average: float | None = Field(description="1 to 5; null when nobody has rated it.")
    histogram: HistogramOutput


class ReportInput(Body):
    reason: Reason


class ReportOutput(Output):
    book_id: str
    author_id: UUID
    reason: Reason
    rev: int
    created_at: datetime


class ModerationQuery(PageQuery):
    hidden: bool = Field(False, description="The hidden reviews instead of the reported ones.")


class ModeratedReviewOutput(PublicReviewOutput):
    book_id: str
    hidden_at: datetime | None
    hidden_reason: Reason | None
    reports: int = Field(description="People who reported it.")


class ModeratedReviewsOutput(Output):
    items: list[ModeratedReviewOutput]
    next: str | None


class HideInput(Body):
    reason: Reason


class RecommendationsQuery(Input):
    limit: int = Field(10, ge=1, le=50, description="Books at most.")


class BecauseOutput(Output):
    """Your own rating that led to it."""

    book_id: str
    title: str
    rating: int


class RecommendationOutput(Output):
    book_id: str
    title: str
    score: float = Field(description="The rating that you are expected to give, 1 to 5.")
    because: BecauseOutput | None = Field(description="Null: it is well rated by all readers.")
    explanation: str


class RecommendationsOutput(Output):
    engine: Literal["embedded", "provider"]
    items: list[RecommendationOutput]
