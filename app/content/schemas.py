"""What the content endpoints take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.pages import PageQuery
from app.schemas import Body, Input, Moment, Output, refuse

MAX_IMPORT_DOCUMENTS = 500

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$", description="Id in the path.")]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(lambda tags: sorted(set(tags)))]


class ContentQuery(Input):
    locale: str | None = Field(
        None,
        pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,8}$",
        description="Language tag such as `de-AT`; goes before the header Accept-Language.",
    )


class ContentPageQuery(ContentQuery, PageQuery):
    q: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Words of the title in any language; each may be the beginning of one.",
    )
    tags: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9-]{0,49}(,[a-z0-9][a-z0-9-]{0,49}){0,9}$",
        description="Comma list; documents that have all of them.",
    )


class ContentOutput(Output):
    collection: str
    id: str
    version: int
    locale: str = Field(description="Locale of the title.")
    tags: list[str]
    data: dict[str, Any] = Field(description="As the collection declares, each text in one locale.")
    updated_at: datetime


class ContentPageOutput(Output):
    items: list[ContentOutput]
    next: str | None


class DocumentInput(Body):
    """A whole document, its texts in all languages."""

    tags: Tags = Field(default_factory=list)
    data: dict[str, Any] = Field(description="As the collection declares.")
    published: bool = True
    published_from: Moment | None = Field(None, description="Not shown before.")
    published_until: Moment | None = Field(None, description="Not shown from then on.")

    @model_validator(mode="after")
    def order_dates(self) -> Self:
        """What is published must be so for some time."""
        first, last = self.published_from, self.published_until
        if first and last and first >= last:
            refuse({"published_until": "must be after published_from"})
        return self


class NamedDocumentInput(DocumentInput):
    id: Slug


class ImportInput(Body):
    documents: list[NamedDocumentInput] = Field(min_length=1, max_length=MAX_IMPORT_DOCUMENTS)


class ImportOutput(Output):
    created: int
    changed: int
    unchanged: int


class DocumentsQuery(PageQuery):
    deleted: bool = Field(False, description="The deleted documents instead of the others.")


class RevertInput(Body):
    version: int = Field(ge=1, lt=2**31, description="The version to go back to.")


class StateOutput(Output):
    """What a document is, or was in one version."""

    collection: str
    id: str
    version: int
    origin: Literal["seed", "local", "upstream"]
    tags: list[str]
    data: dict[str, Any]
    published: bool
    published_from: datetime | None
    published_until: datetime | None


class DocumentOutput(StateOutput):
    changed_by: UUID | None = Field(description="The administrator; null for a command.")
    created_at: datetime
    updated_at: datetime


class DocumentPageOutput(Output):
    items: list[DocumentOutput]
    next: str | None


class VersionOutput(StateOutput):
    deleted: bool = Field(description="Whether this version took the document away.")
    changed_by: UUID | None
    created_at: datetime


class VersionPageOutput(Output):
    items: list[VersionOutput]
    next: str | None
