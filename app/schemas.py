"""Base of the request and response schemas."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Output(BaseModel):
    """Base of responses: read from model attributes; undeclared fields are dropped."""

    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """Base of queries, and of bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def refuse_nul(cls, values: Any) -> Any:
        """PostgreSQL's text cannot hold U+0000."""
        if isinstance(values, dict):
            for value in values.values():
                if isinstance(value, str) and "\0" in value:
                    raise ValueError("must not contain the character U+0000")
        return values


class Body(Input):
    """Base of request bodies: JSON has types, so `1` is no boolean and `"1"` no number."""

    model_config = ConfigDict(strict=True)


def _refuse_number(value: Any) -> Any:
    # Pydantic would take a number for seconds since 1970.
    if isinstance(value, int | float) or (
        isinstance(value, str) and not re.match(r"\d{4}-\d{2}-\d{2}", value)
    ):
        raise ValueError("must begin as 2026-05-31 does")
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_refuse_number)]


FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)
Day = Annotated[
    date, Field(strict=False, ge=FIRST_DAY, le=LAST_DAY), BeforeValidator(_refuse_number)
]

RowId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Made by the client, for example a UUID."),
]
