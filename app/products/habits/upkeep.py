"""What follows from a change of habits or progress: streaks, and the end of a habit's progress.

The callers hold the feed's lock and commit.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import Date, Integer, Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import owned
from app.extensions import db
from app.products.habits.models import Habit, Progress
from app.products.habits.streaks import History, Schedule

SCHEDULE_FIELDS = frozenset({"schedule", "weekdays", "times_per_week", "start_date"})

_SET_STREAKS = text(
    "UPDATE user_progress AS p SET streak = new.streak "
    "FROM unnest(:habits, :days, :streaks) AS new (habit_id, date, streak) "
    "WHERE p.user_id = :user_id AND p.habit_id = new.habit_id AND p.date = new.date"
).bindparams(
    bindparam("habits", type_=ARRAY(Text)),
    bindparam("days", type_=ARRAY(Date)),
    bindparam("streaks", type_=ARRAY(Integer)),
)
_SCHEDULES = select(Habit.id, Habit.weekdays, Habit.times_per_week, Habit.start_date).where(
    Habit.user_id == bindparam("user_id"),
    Habit.id.in_(bindparam("ids", expanding=True)),
    Habit.deleted_at.is_(None),
)
_DAYS = select(Progress.habit_id, Progress.date, Progress.completed, Progress.streak).where(
    Progress.user_id == bindparam("user_id"),
    Progress.habit_id.in_(bindparam("ids", expanding=True)),
    Progress.deleted_at.is_(None),
)


class DayRow(NamedTuple):
    """A recorded day, with the streak that is stored."""

    day: date
    completed: bool
    streak: int


class Scheduled(Protocol):
    """What tells when a habit is due."""

    weekdays: list[int] | None
    times_per_week: int | None
    start_date: date


def progress_id(habit_id: str, day: date) -> str:
    """The id of a habit's progress on a day."""
    return f"{habit_id}:{day.isoformat()}"


def progress_rows(user_id: UUID, habit_ids: Collection[str]) -> dict[str, list[DayRow]]:
    """The recorded days of habits, by habit."""
    rows: dict[str, list[DayRow]] = {habit_id: [] for habit_id in habit_ids}
    found = db.session.execute(_DAYS, {"user_id": user_id, "ids": list(habit_ids)})
    for habit_id, day, completed, streak in found:
        rows[habit_id].append(DayRow(day, completed, streak))
    return rows


def history_of(habit: Scheduled, rows: Iterable[DayRow]) -> History:
    """The history of a habit from its recorded days."""
    weekdays = frozenset(habit.weekdays or range(1, 8))
    schedule = Schedule(habit.start_date, weekdays, habit.times_per_week)
    return History.of(schedule, (row.day for row in rows if row.completed))


def streak_of(history: History, day: date, completed: bool) -> int:
    """The streak that a recorded day shows: none when it was not done, even where not due."""
    return history.streak_on(day) if completed else 0


def store_streaks(user_id: UUID, days: Mapping[str, tuple[History, list[DayRow]]]) -> None:
    """Store the streaks that differ from what the rows have, by habit."""
    fresh = [
        (habit_id, row, streak_of(history, row.day, row.completed))
        for habit_id, (history, rows) in days.items()
        for row in rows
    ]
    changed = [(habit_id, row.day, streak) for habit_id, row, streak in fresh if streak != row[2]]
    if changed:
        names = ("habits", "days", "streaks")
        columns = dict(zip(names, map(list, zip(*changed, strict=True)), strict=True))
        db.session.execute(_SET_STREAKS, {"user_id": user_id, **columns})


def refresh_streaks(user_id: UUID, habit_ids: Collection[str]) -> None:
    """Make the streaks of habits right again after their schedule or their days changed."""
    habits = db.session.execute(_SCHEDULES, {"user_id": user_id, "ids": list(habit_ids)}).all()
    rows = progress_rows(user_id, [habit.id for habit in habits])
    store_streaks(
        user_id, {habit.id: (history_of(habit, rows[habit.id]), rows[habit.id]) for habit in habits}
    )


def delete_progress_of(user_id: UUID, habit_ids: Collection[str]) -> None:
    """Make tombstones of all progress of habits."""
    owned.delete_where(Progress, user_id, Progress.habit_id.in_(habit_ids))
