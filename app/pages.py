"""Keyset pages: the cursor names the last row seen, so a page costs the same at any depth."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
from pydantic import Field

from app.errors import Unprocessable
from app.schemas import Input

Row = TypeVar("Row")


class PageQuery(Input):
    """Query of a list."""

    limit: int = Field(20, ge=1, le=100, description="Rows of a page.")
    after: str | None = Field(None, max_length=300, description="`next` of the page before.")


def encode_cursor(*key: str) -> str:
    """Make the cursor of a row from its sort key."""
    return urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode_cursor(cursor: str, *parts: Callable[[str], Any]) -> list[Any]:
    """Read a cursor.

    Args:
        cursor: what a client sent as `after`.
        parts: what makes a value of each text that its key has; a ValueError says that there is no
            such row in the list.

    Raises:
        Unprocessable: it is not a cursor of such a list.
    """
    try:
        key = orjson.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=="))
        if isinstance(key, list) and all(_is_text(text) for text in key):
            return [value_of(text) for value_of, text in zip(parts, key, strict=True)]
    except ValueError:
        pass
    raise Unprocessable("after", "is not a `next` that this list gave")


def page_of(
    rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[str, ...]]
) -> dict[str, Any]:
    """Cut rows, fetched with one more than the limit, to a page and its `next` cursor."""
    items = rows[:limit]
    more = len(rows) > limit
    return {"items": items, "next": encode_cursor(*key(items[-1])) if more else None}


def _is_text(part: Any) -> bool:
    return isinstance(part, str) and "\0" not in part
