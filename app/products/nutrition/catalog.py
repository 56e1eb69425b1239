"""Ingredients, meals, stores and prices, read from the content by their ids.

The documents themselves are read, by primary key, and no copy in tables of our own: what an
administrator, a seed or an upstream writes, publishes or takes away then counts at once, and there
is nothing to keep in step. They come in any order, so a meal may name an ingredient that is not
there; who asks gets what there is, and says what is missing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Text, any_
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY

from app.content import reading, upstream
from app.content.collections import ContentData, Localized, find_collection, localize
from app.content.locales import chain
from app.content.models import Document
from app.extensions import db
from app.products.nutrition.content import LOCALES, Ingredient, Meal, Prices, Store

Data = TypeVar("Data", bound=ContentData)


class Texts:
    """Takes each text in the best language, and remembers which languages that were."""

    def __init__(self, ranges: Iterable[str]) -> None:
        """
        Args:
            ranges: language ranges, the most wanted first.
        """
        self.chain = chain(ranges, LOCALES)
        self._used: list[str] = []

    def of(self, text: Localized[str]) -> str:
        """The text in the best language it has."""
        return cast(str, localize(text, self.chain, self._used))

    @property
    def languages(self) -> str:
        """The languages used, the most wanted first, as Content-Language has them."""
        used = [locale for locale in self.chain if locale in self._used]
        return ", ".join(used) or self.chain[-1]


def refresh() -> None:
    """See to it that old content is fetched from the upstream; before anything else is read."""
    for name in ("ingredients", "meals", "stores", "prices"):
        upstream.touch(name)


def find_meals(ids: Iterable[str]) -> dict[str, Meal]:
    """The published meals among these, by id."""
    return _find("meals", ids, Meal)


def find_ingredients(ids: Iterable[str]) -> dict[str, Ingredient]:
    """The published ingredients among these, by id."""
    return _find("ingredients", ids, Ingredient)


def find_stores(ids: Iterable[str]) -> dict[str, Store]:
    """The published stores among these, by id."""
    return _find("stores", ids, Store)


def find_prices(ids: Iterable[str]) -> dict[str, Prices]:
    """What is published of these ingredients' prices, by ingredient."""
    return _find("prices", ids, Prices)


def parse_meal(row: Document) -> Meal | None:
    """The meal of a document; None, and logged, when it does not fit its collection."""
    return _parse(row, Meal)


def _find(collection: str, ids: Iterable[str], schema: type[Data]) -> dict[str, Data]:
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    among = Document.id == any_(sql_cast(wanted, ARRAY(Text)))
    rows: Sequence[Any] = db.session.scalars(reading.published(collection).where(among)).all()
    found = {row.id: _parse(row, schema) for row in rows}
    return {name: data for name, data in found.items() if data is not None}


def _parse(row: Document, schema: type[Data]) -> Data | None:
    data = reading.parse(find_collection(row.collection), row)
    return data if isinstance(data, schema) else None
