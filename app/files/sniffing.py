"""Telling what bytes are from the bytes: the declared type of a file must agree with them.

Markup is recognized as browsers do it (WHATWG MIME Sniffing, section 7.1), other formats by their
signatures, text by being UTF-8 without control characters.
"""

import codecs
import re
from typing import Any

import filetype

HEAD_BYTES = 8192
TEXT_TYPES = frozenset(
    {"application/json", "text/calendar", "text/csv", "text/markdown", "text/plain", "text/vcard"}
)
UNKNOWN = "application/octet-stream"

_TAGS = (
    "!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|svg|\\?xml"
)
_MARKUP = re.compile(rf"[\t\n\f\r ]*<(?:!--|(?:{_TAGS})[ \t\n\f\r>/])", re.I)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_JSON_START = re.compile(r"[ \t\n\r]*(?:[\[{\"\-0-9]|true|false|null)")
# What browsers show by themselves must come under its own name.
_SHOWN = ("image/apng", "image/avif", "image/gif", "image/jpeg", "image/png", "image/webp")
_MATCHERS: dict[str, list[Any]] = {}
for _kind in filetype.types:
    _MATCHERS.setdefault(_kind.mime, []).append(_kind)


def is_known(content_type: str) -> bool:
    """Whether bytes can be recognized as this type."""
    return content_type in TEXT_TYPES or content_type == UNKNOWN or content_type in _MATCHERS


def agrees(content_type: str, head: bytes) -> bool:
    """Whether bytes are what they are said to be.

    Args:
        content_type: the declared type, one that `is_known`.
        head: the first HEAD_BYTES bytes, or all of a shorter file.
    """
    text = _as_text(head)
    if text is not None and _MARKUP.match(text):
        return False
    if content_type in TEXT_TYPES:
        return text is not None and (
            content_type != "application/json" or _JSON_START.match(text) is not None
        )
    if content_type == UNKNOWN:
        # Anything else may be: bytes that a client encrypted begin at times like some format.
        return not any(_has_signature(shown, head) for shown in _SHOWN)
    return _has_signature(content_type, head)


def _has_signature(content_type: str, head: bytes) -> bool:
    return any(kind.match(bytearray(head)) for kind in _MATCHERS[content_type])


def _as_text(head: bytes) -> str | None:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        # The last character may be cut where the head ends.
        text = decoder.decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text
