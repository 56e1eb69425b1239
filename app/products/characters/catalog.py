"""The races, archetypes and items that characters name, also those that are offered no more.

Content is never removed: what an administrator takes away stays as it last was, so a character that
names it stays whole. Only what is still offered can be chosen anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select, tuple_

from app.content import upstream
from app.content.collections import ContentData, find_collection
from app.content.models import Document
from app.content.reading import is_shown, parse
from app.extensions import db
from app.products.characters.content import ARCHETYPES, ITEMS, RACES

Reference = tuple[str, str]
Content = TypeVar("Content", bound=ContentData)


@dataclass(frozen=True)
class Catalog:
    """Content by collection and id; `offered` is what can still be chosen."""

    found: dict[Reference, ContentData]
    offered: frozenset[Reference]

    def get(self, collection: str, document_id: str, kind: type[Content]) -> Content | None:
        """A document as it is or last was; None when it is gone for good."""
        document = self.found.get((collection, document_id))
        return document if isinstance(document, kind) else None


def prepare() -> None:
    """See to it that the content is there, when an upstream has it.

    It may wait and ends the transaction, so it goes before all else.
    """
    for name in (RACES, ARCHETYPES, ITEMS):
        upstream.touch(name)


def look_up(references: Iterable[Reference]) -> Catalog:
    """Find documents by collection and id, with one statement."""
    wanted = sorted(set(references))
    key = tuple_(Document.collection, Document.id)
    statement = select(Document, is_shown()).where(key.in_(wanted))
    found: dict[Reference, ContentData] = {}
    offered = set()
    for row, shown in db.session.execute(statement):
        document = parse(find_collection(row.collection), row)
        if document is None:
            continue
        found[row.collection, row.id] = document
        if shown:
            offered.add((row.collection, row.id))
    return Catalog(found, frozenset(offered))
