"""Bytes in JSON: base64 (RFC 4648, section 4), in its one canonical spelling."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Base64:
    """Marks a field of `least` to `most` bytes that clients send as base64."""

    least: int
    most: int

    def __get_pydantic_core_schema__(
        self, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            _decode, core_schema.bytes_schema(min_length=self.least, max_length=self.most)
        )

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        size = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        return {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": f"^[A-Za-z0-9+/]{{{_digits(self.least)},{_digits(self.most)}}}={{0,2}}$",
            "description": f"{size} bytes as base64 with padding.",
        }


Base64Output = Annotated[
    bytes,
    PlainSerializer(lambda value: b64encode(value).decode(), return_type=str),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]


def _digits(count: int) -> int:
    """Characters of base64 that a number of bytes takes, without padding."""
    return (count * 8 + 5) // 6


def _decode(value: Any) -> Any:
    if isinstance(value, bytes):
        # From a row, when a change is checked together with what it leaves.
        return value
    try:
        decoded = b64decode(value, validate=True)
    except (TypeError, ValueError):
        decoded = None
    # Spare bits of the last character, not zero, would make two spellings of the same bytes.
    if decoded is None or b64encode(decoded).decode() != value:
        raise ValueError("must be base64 with padding (RFC 4648, section 4)")
    return decoded
