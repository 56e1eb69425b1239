"""What the file endpoints take and give."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from app.pages import PageQuery
from app.schemas import Body, Output, RowId

MAX_BYTES = 5 * 1024**3
# Separators of paths, control characters, and those that turn the direction of text around.
_NOT_IN_NAMES = re.compile("[/\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _plain_name(name: str) -> str:
    if _NOT_IN_NAMES.search(name) or name in (".", ".."):
        raise ValueError("must be the name of a file: no path, no control characters")
    return name


FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_plain_name),
    Field(description="For people; it is never a path."),
]
PurposeName = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_-]{0,63}$")]
ContentType = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=100, pattern=r"^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+$"),
]
Sha256 = Annotated[str, StringConstraints(to_lower=True, pattern="^[0-9A-Fa-f]{64}$")]


class FileInput(Body):
    """A file as the client has it; the upload must be exactly this."""

    id: RowId
    name: FileName
    purpose: PurposeName = "attachment"
    content_type: ContentType = Field(description="The media type, without parameters.")
    size: int = Field(ge=1, le=MAX_BYTES, description="Bytes.")
    sha256: Sha256 = Field(description="Of the bytes, in hexadecimal digits.")


class FilesQuery(PageQuery):
    purpose: PurposeName | None = None


class FileOutput(Output):
    id: str
    name: str
    purpose: str
    content_type: str
    size: int
    sha256: str
    state: Literal["pending", "stored"] = Field(
        description="Pending until the upload is completed."
    )
    rev: int
    created_at: datetime
    updated_at: datetime
    stored_at: datetime | None


class SignedRequestOutput(Output):
    """A request that needs no token until it expires; an upload has the file as its body."""

    method: str
    url: str
    headers: dict[str, str] = Field(description="To be sent as they are.")
    expires_at: datetime


class NewFileOutput(FileOutput):
    upload: SignedRequestOutput | None = Field(description="Null when the file is stored already.")


class FilesOutput(Output):
    items: list[FileOutput]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
