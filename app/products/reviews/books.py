"""The books that there are: documents of the collection `books`."""

from sqlalchemy import select

from app.content.collections import find_collection
from app.content.locales import chain
from app.content.models import Document
from app.content.reading import published
from app.errors import NotFound
from app.extensions import db
from app.products.reviews.content import COLLECTION


def require_book(book_id: str) -> None:
    """See to it that a book is there.

    Raises:
        NotFound: no published book has this id.
    """
    books = published(COLLECTION).where(Document.id == book_id)
    if db.session.scalar(books.with_only_columns(Document.id)) is None:
        raise NotFound("There is no such book.")


def ids() -> list[str]:
    """The ids of all published books."""
    books = published(COLLECTION).with_only_columns(Document.id)
    return list(db.session.scalars(books))


def titles(locale: str) -> dict[str, str]:
    """The titles of all published books by id, in the language of a locale or the default."""
    wanted = chain([locale], find_collection(COLLECTION).locales)
    books = published(COLLECTION).subquery()
    rows = db.session.execute(select(books.c.id, books.c.data["title"]))
    return {book_id: _pick(texts, wanted) for book_id, texts in rows}


def _pick(texts: dict[str, str], wanted: tuple[str, ...]) -> str:
    return next(texts[locale] for locale in wanted if locale in texts)
