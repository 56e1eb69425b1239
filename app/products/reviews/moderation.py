"""What administrators do about reported reviews."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_

from app.accounts.models import User
from app.audit.recording import record
from app.database.feed import lock_feed
from app.database.session import act_as, in_scope
from app.errors import NotFound
from app.extensions import db
from app.pages import decode_cursor, page_of
from app.products.reviews.models import Author, PublicReview, Report, Review
from app.products.reviews.schemas import ModerationQuery


def list_moderated(query: ModerationQuery) -> dict[str, Any]:
    """One page of the reported reviews that are not hidden, or of the hidden ones.

    Those with the most reports come first. Reports of a review that its author took back do not
    show.

    Raises:
        Unprocessable: the cursor is of another list.
    """
    reports = (
        select(Report.book_id, Report.author_id, func.count().label("reports"))
        .where(Report.deleted_at.is_(None))
        .group_by(Report.book_id, Report.author_id)
        .subquery()
    )
    count = func.coalesce(reports.c.reports, 0)
    key = tuple_(count, PublicReview.book_id, PublicReview.author_id)
    statement = select(PublicReview, count.label("reports")).outerjoin(
        reports,
        (reports.c.book_id == PublicReview.book_id)
        & (reports.c.author_id == PublicReview.author_id),
    )
    if query.hidden:
        statement = statement.where(PublicReview.hidden_at.is_not(None))
    else:
        statement = statement.where(PublicReview.hidden_at.is_(None), count > 0)
    if query.after:
        last = decode_cursor(query.after, _number, str, UUID)
        statement = statement.where(key < tuple_(*last))
    ordered = statement.order_by(
        count.desc(), PublicReview.book_id.desc(), PublicReview.author_id.desc()
    )
    with in_scope("moderation"):
        found = db.session.execute(ordered.limit(query.limit + 1)).all()
    rows = [_with_reports(review, reports) for review, reports in found]
    return page_of(
        rows, query.limit, lambda row: (str(row["reports"]), row["book_id"], str(row["author_id"]))
    )


def hide(admin: User, book_id: str, author_id: UUID, reason: str) -> dict[str, Any]:
    """Hide a review from the public, and take its rating out of the book's; its author sees why.

    Raises:
        NotFound: there is no such published review.
    """
    return _moderate(admin, book_id, author_id, "review.hidden", reason)


def show_again(admin: User, book_id: str, author_id: UUID) -> dict[str, Any]:
    """Show a hidden review again.

    Raises:
        NotFound: there is no such published review.
    """
    return _moderate(admin, book_id, author_id, "review.shown", None)


def _moderate(
    admin: User, book_id: str, author_id: UUID, kind: str, reason: str | None
) -> dict[str, Any]:
    admin_id = admin.id
    with in_scope("moderation"):
        shown = db.session.get(PublicReview, (book_id, author_id))
        owner = db.session.scalar(select(Author.user_id).where(Author.author_id == author_id))
    if shown is None or owner is None:
        raise NotFound("There is no such review.")
    # The row is its author's: their devices hear of it as of any other change.
    act_as(owner)
    lock_feed(owner)
    review = db.session.get(Review, (owner, book_id), populate_existing=True)
    # Its author may have taken it back since it was looked up.
    if review is None or review.deleted_at or not review.published:
        raise NotFound("There is no such review.")
    if review.hidden_reason != reason:
        review.hidden_at = datetime.now(UTC) if reason else None
        review.hidden_reason = reason
        db.session.flush()
        act_as(admin_id)
        # The administrator's act: the author need not learn from where and by which device.
        subject = ("book_reviews", book_id)
        record(kind, admin_id, actor="admin", subject=subject, author=author_id, reason=reason)
    act_as(admin_id, scope="moderation")
    db.session.refresh(shown)
    reports = db.session.scalar(
        select(func.count()).where(
            Report.book_id == book_id, Report.author_id == author_id, Report.deleted_at.is_(None)
        )
    )
    answer = _with_reports(shown, reports or 0)
    db.session.commit()
    return answer


def _with_reports(review: PublicReview, reports: int) -> dict[str, Any]:
    columns = PublicReview.__table__.columns.keys()
    return {name: getattr(review, name) for name in columns} | {"reports": reports}


def _number(text: str) -> int:
    # A larger one is no count, and no number of PostgreSQL.
    return max(0, min(int(text), 2**62))
