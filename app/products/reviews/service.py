"""The rules of one's own reviews, and of reports."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.audit.recording import record
from app.database import owned
from app.database.feed import lock_feed
from app.errors import Conflict, NotFound
from app.extensions import db
from app.operations.metrics import RECORDS_CREATED
from app.pages import PageQuery
from app.products.reviews.books import require_book
from app.products.reviews.models import Author, PublicReview, Report, Review
from app.products.reviews.schemas import ReportInput, ReviewInput, ReviewOutput, ReviewPatch


def list_reviews(user_id: UUID, query: PageQuery) -> dict[str, Any]:
    """One page of the user's reviews, by the book's id."""
    return owned.page_by_id(Review, owned.present(Review, user_id), query)


def get_review(user_id: UUID, book_id: str) -> Review:
    """Find the user's review of a book.

    Raises:
        NotFound: the user has none.
    """
    return owned.find(Review, user_id, book_id, "You have no review of this book.")


def create_review(user_id: UUID, data: ReviewInput) -> tuple[Review, bool]:
    """Review a book, or bring a deleted review back with new content.

    A repeat of the request, after a lost reply, finds the review as it is. What an administrator
    hid stays hidden.

    Returns:
        the review, and whether it is new.

    Raises:
        NotFound: there is no such book.
        Conflict: the user has another review of the book.
    """
    require_book(data.id)
    lock_feed(user_id)
    fields = data.model_dump(exclude={"id"})
    same = owned.find_repeat(Review, user_id, data.id, fields, ReviewOutput)
    if same:
        return same, False
    return owned.store_new(Review, user_id, data.id, fields), True


def update_review(user_id: UUID, book_id: str, data: ReviewPatch) -> Review:
    """Change what the input names.

    Raises:
        NotFound: the user has no review of this book.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    review = owned.find_to_change(get_review, ReviewOutput, user_id, book_id)
    owned.assign(review, data.given())
    db.session.commit()
    return review


def delete_review(user_id: UUID, book_id: str) -> None:
    """Delete a review; it stays as a tombstone for the other devices.

    Raises:
        NotFound: the user has no review of this book.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    review = owned.find_to_change(get_review, ReviewOutput, user_id, book_id)
    review.deleted_at = datetime.now(UTC)
    db.session.commit()


def report_review(
    user_id: UUID, book_id: str, author_id: UUID, data: ReportInput
) -> tuple[Report, bool]:
    """Report a review to the administrators; a second report by the user changes nothing.

    Returns:
        the report, and whether it is new.

    Raises:
        NotFound: the public sees no such review.
        Conflict: it is the user's own.
    """
    lock_feed(user_id)
    shown = db.session.get(PublicReview, (book_id, author_id))
    if shown is None:
        raise NotFound("There is no such review.")
    if db.session.scalar(select(Author.author_id).where(Author.user_id == user_id)) == author_id:
        raise Conflict("It is your own review.")
    report_id = f"{book_id}:{author_id}"
    report = db.session.get(Report, (user_id, report_id))
    if report is not None:
        return report, False
    report = Report(
        user_id=user_id, id=report_id, book_id=book_id, author_id=author_id, reason=data.reason
    )
    db.session.add(report)
    record("review.reported", user_id, subject=("book_reviews", book_id), reason=data.reason)
    db.session.commit()
    RECORDS_CREATED.labels("user_review_reports").inc()
    return report, True
