"""The races, archetypes and items that characters name, also those that are offered no more.

Content is never removed: what an administrator takes away stays as it last was, so a character that
names it stays whole. Only what is still offered can be chosen anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy import select, tuple_

from app.content import upstream
from app.content.collections import ContentData, find_collection
from app.content.models import Document
from app.content.reading import is_shown
from app.extensions import db
from app.products.characters.content import ARCHETYPES, ITEMS, RACES

Reference = tuple[str, str]
Content = TypeVar("Content", bound=ContentData)

logger = structlog.get_logger(__name__)


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
    statement = select(Document.collection, Document.id, Document.data, is_shown())
    found: dict[Reference, ContentData] = {}
    offered = set()
    for collection, document_id, data, shown in db.session.execute(
        statement.where(key.in_(wanted))
    ):
        try:
            document = find_collection(collection).schema.model_validate(data)
        except ValidationError as error:
            # A release may ask more of documents than the one that stored them did.
            logger.error(
                "document does not fit its collection",
                event_kind="error",
                collection=collection,
                document=document_id,
                exc_info=error,
            )
            continue
        found[collection, document_id] = document
        if shown:
            offered.add((collection, document_id))
    return Catalog(found, frozenset(offered))
