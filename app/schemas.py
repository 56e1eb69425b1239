"""Base of the request and response schemas."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Output(BaseModel):
    """Base of responses: read from model attributes; undeclared fields are dropped."""

    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """Base of request bodies and queries: unknown fields are refused."""

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


RowId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Made by the client, for example a UUID."),
]
