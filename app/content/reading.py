"""What the public reads: published documents, each text in the best language."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR

from app.content import cache, upstream
from app.content.cache import Entry
from app.content.collections import (
    ContentCollection,
    ContentData,
    find_collection,
    localize,
    words_of,
)
from app.content.locales import chain
from app.content.models import Document
from app.content.schemas import ContentPageQuery
from app.errors import NotFound, Unprocessable
from app.extensions import db
from app.pages import decode_cursor, page_of

logger = structlog.get_logger(__name__)


def read_page(name: str, query: ContentPageQuery, ranges: Iterable[str]) -> Entry:
    """One page of a collection's published documents, by id.

    Args:
        name: name of the collection.
        query: which of them.
        ranges: language ranges, the most wanted first.

    Raises:
        NotFound: there is no such collection.
        Unprocessable: the query has no word or is of another list.
    """
    collection = find_collection(name)
    locales = chain(ranges, collection.locales)
    statement = page_statement(name, query)
    upstream.touch(name)
    key = ["page", query.model_dump(exclude={"locale"}), locales]

    def load() -> Entry:
        rows = db.session.scalars(statement).all()
        page = page_of(rows, query.limit, lambda row: (row.id,))
        used: list[str] = []
        shown = [_show(collection, row, locales, used) for row in page["items"]]
        page["items"] = [item for item in shown if item]
        return _entry(page, locales, used, ends=db.session.scalar(_next_date(name)))

    return cache.fetch(name, key, load)


def read_document(name: str, document_id: str, ranges: Iterable[str]) -> Entry:
    """One published document; its ETag begins with its version.

    Raises:
        NotFound: there is no such collection, or it has no such document now.
    """
    collection = find_collection(name)
    locales = chain(ranges, collection.locales)
    upstream.touch(name)

    def load() -> Entry:
        row = db.session.scalar(published(name).where(Document.id == document_id))
        used: list[str] = []
        shown = _show(collection, row, locales, used) if row else None
        if row is None or shown is None:
            raise NotFound("There is no such document.")
        return _entry(shown, locales, used, f"{row.version}-", row.published_until)

    return cache.fetch(name, ["document", document_id, locales], load)


def is_shown() -> ColumnElement[bool]:
    """SQL condition: the document is published now."""
    now = func.now()
    return and_(
        Document.published,
        Document.deleted_at.is_(None),
        or_(Document.published_from.is_(None), Document.published_from <= now),
        or_(Document.published_until.is_(None), Document.published_until > now),
    )


def published(name: str) -> Select[Document]:
    """Select the documents of a collection that are shown now."""
    return select(Document).where(Document.collection == name, is_shown())


def _next_date(name: str) -> Select[datetime | None]:
    """Select when a date of publication next changes what a collection shows."""
    now = func.now()
    begins, ends = Document.published_from > now, Document.published_until > now
    return select(
        func.least(
            func.min(Document.published_from).filter(begins),
            func.min(Document.published_until).filter(ends),
        )
    ).where(
        Document.collection == name,
        Document.published,
        Document.deleted_at.is_(None),
        or_(begins, ends),
    )


def page_statement(name: str, query: ContentPageQuery) -> Select[Document]:
    """The statement that selects a page of them, by id, with one more than its limit.

    Raises:
        Unprocessable: the query has no word or is of another list.
    """
    statement = published(name)
    if query.q is not None:
        words = words_of([query.q])
        if not words:
            raise Unprocessable("q", "has no word")
        statement = statement.where(_has_words(words))
    if query.tags:
        statement = statement.where(
            Document.tags.op("@>")(cast(query.tags.split(","), ARRAY(Text)))
        )
    if query.after:
        statement = statement.where(Document.id > decode_cursor(query.after, str)[0])
    return statement.order_by(Document.id).limit(query.limit + 1)


def _has_words(words: list[str]) -> ColumnElement[bool]:
    # Words are letters and digits only, so none can end its quotes.
    prefixes = " & ".join(f"'{word}':*" for word in words)
    vector = func.array_to_tsvector(Document.words, type_=TSVECTOR)
    return vector.op("@@")(cast(prefixes, TSQUERY))


def parse(collection: ContentCollection, row: Document) -> ContentData | None:
    """What a document holds; None, and logged, when it does not fit its collection any more."""
    try:
        return collection.schema.model_validate(row.data)
    except ValidationError as error:
        # A release may ask more of documents than the one that stored them did.
        logger.error(
            "document does not fit its collection",
            event_kind="error",
            collection=row.collection,
            document=row.id,
            exc_info=error,
        )
        return None


def _show(
    collection: ContentCollection, row: Document, locales: tuple[str, ...], used: list[str]
) -> dict[str, Any] | None:
    data = parse(collection, row)
    if data is None:
        return None
    return {
        "collection": row.collection,
        "id": row.id,
        "version": row.version,
        "locale": next(locale for locale in locales if locale in data.title.root),
        "tags": row.tags,
        "data": localize(data, locales, used),
        "updated_at": row.updated_at,
    }


def _entry(
    answer: dict[str, Any],
    locales: tuple[str, ...],
    used: list[str],
    prefix: str = "",
    ends: datetime | None = None,
) -> Entry:
    body = orjson.dumps(answer, option=orjson.OPT_UTC_Z)
    # Of the body: another release may show the same version in another shape.
    digest = hashlib.sha256(body).hexdigest()[:20]
    languages = ", ".join(locale for locale in locales if locale in used)
    return Entry(
        body.decode(),
        f"{prefix}{digest}",
        languages or locales[-1],
        ends.timestamp() if ends else None,
    )
