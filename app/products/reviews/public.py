"""What everybody reads: a book's reviews and the summary of its ratings."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_

from app.extensions import db
from app.pages import decode_cursor, page_of
from app.products.reviews.books import require_book
from app.products.reviews.models import BookRatings, PublicReview
from app.products.reviews.schemas import PublicReviewsQuery

NAMES = ("one", "two", "three", "four", "five")


def list_public_reviews(book_id: str, query: PublicReviewsQuery) -> dict[str, Any]:
    """One page of a book's reviews, the newest or the highest rating first.

    Raises:
        NotFound: there is no such book.
        Unprocessable: the cursor is of another list.
    """
    require_book(book_id)
    statement = select(PublicReview).where(PublicReview.book_id == book_id, PublicReview.visible)
    columns = (PublicReview.created_at, PublicReview.author_id)
    if query.sort == "highest":
        if query.after:
            last = decode_cursor(query.after, _rating, datetime.fromisoformat, UUID)
            statement = statement.where(tuple_(PublicReview.rating, *columns) < tuple_(*last))
        statement = statement.order_by(PublicReview.rating.desc())
    elif query.after:
        last = decode_cursor(query.after, datetime.fromisoformat, UUID)
        statement = statement.where(tuple_(*columns) < tuple_(*last))
    ordered = statement.order_by(*(column.desc() for column in columns))
    rows = db.session.scalars(ordered.limit(query.limit + 1)).all()
    return page_of(rows, query.limit, lambda row: _key(row, query.sort))


def summary(book_id: str) -> dict[str, Any]:
    """The number, sum, average and histogram of a book's visible ratings.

    Raises:
        NotFound: there is no such book.
    """
    require_book(book_id)
    row = db.session.get(BookRatings, book_id)
    count, total = (row.count, row.sum) if row else (0, 0)
    histogram = row.histogram if row else [0] * len(NAMES)
    return {
        "book_id": book_id,
        "count": count,
        "sum": total,
        "average": round(total / count, 2) if count else None,
        "histogram": dict(zip(NAMES, histogram, strict=True)),
    }


def _key(row: PublicReview, sort: str) -> tuple[str, ...]:
    key = (row.created_at.isoformat(), str(row.author_id))
    return (str(row.rating), *key) if sort == "highest" else key


def _rating(text: str) -> int:
    if text not in ("1", "2", "3", "4", "5"):
        raise ValueError(text)
    return int(text)
