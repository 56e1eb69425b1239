"""The collection of books."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from app.accounts.schemas import Locale
from app.content.collections import ContentCollection, ContentData, Localized, LongText, ShortText

COLLECTION = "books"

_ISBN = re.compile(r"97[89]\d{10}")


def check_isbn(text: str) -> str:
    """Take the hyphens out of an ISBN-13 and check its last digit.

    The digits, weighted 1, 3, 1, 3 and so on, sum to a multiple of 10 (ISO 2108:2017; International
    ISBN Agency, ISBN Users' Manual, 7th edition).

    Raises:
        ValueError: it is no ISBN-13.
    """
    digits = text.replace("-", "").replace(" ", "")
    if not _ISBN.fullmatch(digits) or not digits.isascii():
        raise ValueError("must be an ISBN-13: 978 or 979 and ten more digits")
    if sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10:
        raise ValueError("is no ISBN-13: its check digit does not fit")
    return digits


Isbn = Annotated[str, StringConstraints(max_length=20), AfterValidator(check_isbn)]
Subject = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]


class Book(ContentData):
    """A book; `isbn` is of one edition, as the old ones had none. A year BC is negative."""

    description: Localized[LongText]
    authors: Annotated[list[ShortText], Field(min_length=1, max_length=20)]
    isbn: Isbn | None = None
    year: int = Field(ge=-3000, le=2100, description="Of the first publication.")
    languages: Annotated[list[Locale], Field(min_length=1, max_length=20)]
    subjects: Annotated[list[Subject], Field(min_length=1, max_length=20)]


collections = [ContentCollection(name=COLLECTION, schema=Book, locales=("en", "de"))]
