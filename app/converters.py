"""Kinds of path segments; another text in their place is an unknown path (404), and is named.

All take any segment and judge it themselves: a rule whose pattern does not fit would be no rule at
all, and nobody told why.
"""

import re
from datetime import date
from typing import ClassVar
from uuid import UUID

from flask import Flask
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter

MAX_SHOWN = 100


class MalformedSegment(NotFound):
    """A segment of the path is not of its kind; the description says so.

    No ValidationError: that would let the matcher go on, and end in 405 where another method has
    the same path.
    """

    def __init__(self, value: str, fault: str) -> None:
        shown = value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…"
        super().__init__(f"{shown} {fault}")


class PatternConverter(BaseConverter):
    """A text that matches `pattern`; `fault` is what another one is not."""

    pattern: ClassVar[str]
    fault: ClassVar[str]

    def to_python(self, value: str) -> str:
        """Check the segment.

        Raises:
            MalformedSegment: it does not match.
        """
        if not re.fullmatch(self.pattern, value):
            raise MalformedSegment(value, self.fault)
        return value


class RowIdConverter(PatternConverter):
    """The id of an owned row, as `app.schemas.RowId`."""

    pattern = "[A-Za-z0-9_-]{1,64}"
    fault = "is no id: it has 1 to 64 letters and digits without accents, - and _."


class CollectionConverter(PatternConverter):
    """The name of a content collection."""

    pattern = "[a-z][a-z0-9_]{0,49}"
    fault = "is no name of a collection such as habit_templates."


class SlugConverter(PatternConverter):
    """The id of a content document, as `app.content.schemas.Slug`."""

    pattern = "[a-z0-9][a-z0-9-]{0,99}"
    fault = "is no id such as read-a-book: it has up to 100 small letters, digits and -."


class DayConverter(BaseConverter):
    """A day as YYYY-MM-DD, from 2000 to 2100."""

    def to_python(self, value: str) -> date:
        """Parse the day.

        Raises:
            MalformedSegment: there is no such day, or it is out of range.
        """
        try:
            # Python reads further forms of ISO 8601.
            day = date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else None
        except ValueError:
            day = None
        if day is None:
            raise MalformedSegment(value, "is no day such as 2026-05-31.")
        if not 2000 <= day.year <= 2100:
            raise MalformedSegment(value, "is no day of the years 2000 to 2100.")
        return day


class UuidConverter(BaseConverter):
    """A UUID with its hyphens."""

    pattern = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

    def to_python(self, value: str) -> UUID:
        """Parse the UUID.

        Raises:
            MalformedSegment: it is none.
        """
        if not re.fullmatch(self.pattern, value):
            raise MalformedSegment(
                value, "is no UUID such as 7f3b7d1e-52f4-4c43-8a3a-5b8d1c3e9f60."
            )
        return UUID(value)


class VersionConverter(BaseConverter):
    """The number of a version."""

    def to_python(self, value: str) -> int:
        """Read the number.

        Raises:
            MalformedSegment: it is none.
        """
        if not re.fullmatch("[1-9][0-9]{0,8}", value):
            raise MalformedSegment(value, "is no number of a version.")
        return int(value)


def init_app(app: Flask) -> None:
    """Let routes use these kinds by name, such as `<row_id:…>`."""
    app.url_map.converters["row_id"] = RowIdConverter
    app.url_map.converters["day"] = DayConverter
    app.url_map.converters["collection"] = CollectionConverter
    app.url_map.converters["slug"] = SlugConverter
    app.url_map.converters["uuid"] = UuidConverter
    app.url_map.converters["version"] = VersionConverter
