"""Kinds of path segments; another text in their place is an unknown path (404)."""

from datetime import date

from flask import Flask
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter


class RowIdConverter(BaseConverter):
    """The id of an owned row, as `app.schemas.RowId`."""

    regex = "[A-Za-z0-9_-]{1,64}"


class DayConverter(BaseConverter):
    """A day as YYYY-MM-DD, from 2000 to 2100."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        """Parse the day.

        Raises:
            NotFound: there is no such day, or it is out of range. (A ValidationError would let the
                matcher go on, and end in 405 where another method has the same path.)
        """
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise NotFound from None
        if not 2000 <= day.year <= 2100:
            raise NotFound
        return day


class CollectionConverter(BaseConverter):
    """The name of a content collection."""

    regex = "[a-z][a-z0-9_]{0,49}"


class SlugConverter(BaseConverter):
    """The id of a content document, as `app.content.schemas.Slug`."""

    regex = "[a-z0-9][a-z0-9-]{0,99}"


class VersionConverter(BaseConverter):
    """The number of a version."""

    regex = "[1-9][0-9]{0,8}"

    def to_python(self, value: str) -> int:
        """Read the number."""
        return int(value)


def init_app(app: Flask) -> None:
    """Let routes use these kinds by name, such as `<row_id:…>`."""
    app.url_map.converters["row_id"] = RowIdConverter
    app.url_map.converters["day"] = DayConverter
    app.url_map.converters["collection"] = CollectionConverter
    app.url_map.converters["slug"] = SlugConverter
    app.url_map.converters["version"] = VersionConverter
