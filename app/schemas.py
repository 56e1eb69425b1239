"""Base of the request and response schemas."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError


class Output(BaseModel):
    """Base of responses: read from model attributes; undeclared fields are dropped."""

    model_config = ConfigDict(from_attributes=True)


def refuse(faults: Mapping[str, str]) -> None:
    """Refuse an input for what one of its validators, of several fields, found; with none, pass.

    Args:
        faults: what is wrong, by the name of the field to mend.

    Raises:
        ValidationError: each of them; the validator lets it through.
    """
    if faults:
        details = [
            InitErrorDetails(
                type=PydanticCustomError("rule", "{fault}", {"fault": fault}),
                loc=(name,),
                input=None,
            )
            for name, fault in faults.items()
        ]
        raise ValidationError.from_exception_data("input", details)


class Input(BaseModel):
    """Base of queries, and of bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def refuse_nul(cls, values: Any) -> Any:
        """PostgreSQL's text cannot hold U+0000."""
        if isinstance(values, dict):
            found = [k for k, value in values.items() if isinstance(value, str) and "\0" in value]
            if found:
                refuse({str(name): "must not contain the character U+0000" for name in found})
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


def _without_null(schema: dict[str, Any], model: type[Any]) -> None:
    """Take null, and the default that stands for "left out", from a patch's JSON schema."""
    for name, field in schema["properties"].items():
        field.pop("default", None)
        if name not in model.can_be_empty:
            kinds = [kind for kind in field.pop("anyOf") if kind != {"type": "null"}]
            field.update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


class Patch(Body):
    """Base of changes: each field is optional, `None` by default, and what is left out stays.

    Attributes:
        can_be_empty: the fields that null empties; for any other it is refused.
    """

    model_config = ConfigDict(json_schema_extra=_without_null)

    can_be_empty: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def refuse_null(cls, values: Any) -> Any:
        """A change to nothing would be lost without a word."""
        if isinstance(values, dict):
            refuse(
                {
                    name: "must not be null"
                    for name in cls.model_fields
                    if name not in cls.can_be_empty and values.get(name, "") is None
                }
            )
        return values

    def given(self) -> dict[str, Any]:
        """The fields to change, with their values."""
        return self.model_dump(exclude_unset=True)


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_refuse_number)]


FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)
Day = Annotated[
    date, Field(strict=False, ge=FIRST_DAY, le=LAST_DAY), BeforeValidator(_refuse_number)
]

RowId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Made by the client, for example a UUID."),
]
