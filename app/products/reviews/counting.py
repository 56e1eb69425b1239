"""Counting the ratings of the books anew: a check of the triggers that keep them."""

from sqlalchemy import func, select, union

from app.extensions import db
from app.products.reviews.models import BookRatings, PublicReview


def recount() -> tuple[int, int]:
    """Count each book's ratings anew, one transaction a book; writers may go on.

    Returns:
        the numbers of books, and of those whose counts were wrong.
    """
    known = union(select(BookRatings.book_id), select(PublicReview.book_id)).order_by("book_id")
    books = db.session.scalars(known).all()
    drifted = 0
    for book_id in books:
        drifted += bool(db.session.scalar(select(func.recount_rating(book_id))))
        db.session.commit()
    return len(books), drifted
