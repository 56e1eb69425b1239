"""Habits and progress by day."""

from datetime import date

from sqlalchemy import ForeignKeyConstraint, SmallInteger
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, OwnedRow


class Habit(OwnedRow, Base):
    """`schedule` is daily, weekdays (those in `weekdays`, ISO: Monday is 1), or weekly
    (`times_per_week` days of every ISO week)."""

    __tablename__ = "user_habits"

    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    schedule: Mapped[str]
    weekdays: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    times_per_week: Mapped[int | None] = mapped_column(SmallInteger)
    start_date: Mapped[date]
    active: Mapped[bool]


class Progress(OwnedRow, Base):
    """One day of one habit; its id is `<habit id>:<date>`, so two devices cannot make two of it.

    `streak` is the habit's streak up to and including this day, kept by the server.
    """

    __tablename__ = "user_progress"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "habit_id"], ["user_habits.user_id", "user_habits.id"], ondelete="CASCADE"
        ),
    )

    habit_id: Mapped[str]
    date: Mapped[date]
    completed: Mapped[bool]
    note: Mapped[str] = mapped_column(server_default="")
    streak: Mapped[int] = mapped_column(server_default="0")
