"""Reviews and reports of their users, and what the public sees of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Computed, FetchedValue, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, OwnedRow


class Review(OwnedRow, Base):
    """A user's review of a book; its id is the book's, so there is one of each.

    `author_id` is stamped by the trigger `name_review_author`; an administrator sets `hidden_at`.
    """

    __tablename__ = "user_reviews"

    author_id: Mapped[UUID] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    rating: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str]
    text: Mapped[str]
    language: Mapped[str]
    spoiler: Mapped[bool]
    published: Mapped[bool]
    notes: Mapped[str]
    hidden_at: Mapped[datetime | None]
    hidden_reason: Mapped[str | None]


class Report(OwnedRow, Base):
    """A user's complaint about a review; its id is `<book id>:<author id>`."""

    __tablename__ = "user_review_reports"

    book_id: Mapped[str]
    author_id: Mapped[UUID]
    reason: Mapped[str]


class Author(Base):
    """Whom a public author id stands for; the user reads it, and the scope "moderation"."""

    __tablename__ = "review_authors"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    author_id: Mapped[UUID]
    name: Mapped[str]
    leaving: Mapped[bool]


class PublicReview(Base):
    """What the public sees of a published review; written by triggers only."""

    __tablename__ = "book_reviews"

    book_id: Mapped[str] = mapped_column(primary_key=True)
    author_id: Mapped[UUID] = mapped_column(primary_key=True)
    author_name: Mapped[str]
    rating: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str]
    text: Mapped[str]
    language: Mapped[str]
    spoiler: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    hidden_at: Mapped[datetime | None]
    hidden_reason: Mapped[str | None]
    leaving: Mapped[bool]
    visible: Mapped[bool] = mapped_column(Computed("hidden_at IS NULL AND NOT leaving"))


class BookRatings(Base):
    """Ratings of a book that the public sees, counted by triggers in the writer's transaction."""

    __tablename__ = "book_ratings"

    book_id: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    sum: Mapped[int] = mapped_column(BigInteger)
    histogram: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class Similarity(Base):
    """How alike two books are to their readers; made by `flask reviews similarities`."""

    __tablename__ = "book_similarities"

    book_id: Mapped[str] = mapped_column(primary_key=True)
    other_id: Mapped[str] = mapped_column(primary_key=True)
    similarity: Mapped[float]
    readers: Mapped[int] = mapped_column(BigInteger)
