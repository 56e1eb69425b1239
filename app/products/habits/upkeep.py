"""What follows from a change of habits or progress: streaks, and the end of a habit's progress.

The callers hold the feed's lock and commit.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple, Protocol
from uuid import UUID

from app.audit.writes import note
from app.database import owned
from app.database.connection import execute
from app.products.habits.models import Progress
from app.products.habits.streaks import History, Schedule, needed_from
from app.schemas import FIRST_DAY

SCHEDULE_FIELDS = frozenset({"schedule", "weekdays", "times_per_week", "start_date"})

# Plain SQL: a push sends two of them.
_SET_STREAKS = """
UPDATE user_progress AS p SET streak = new.streak
FROM unnest(%(habits)s::text[], %(days)s::date[], %(streaks)s::int[])
    AS new (habit_id, date, streak)
WHERE p.user_id = %(user_id)s AND p.habit_id = new.habit_id AND p.date = new.date
"""
_DAYS = """
SELECT date, completed, streak FROM user_progress
WHERE user_id = %(user_id)s AND habit_id = %(id)s AND date >= %(first)s AND deleted_at IS NULL
"""
_SCHEDULED_DAYS = """
SELECT h.id, h.weekdays, h.times_per_week, h.start_date, p.date, p.completed, p.streak
FROM user_habits AS h JOIN user_progress AS p ON p.user_id = h.user_id AND p.habit_id = h.id
WHERE h.user_id = %(user_id)s AND h.id = ANY(%(ids)s::text[]) AND h.deleted_at IS NULL
    AND p.date >= %(first)s AND p.deleted_at IS NULL
"""


class DayRow(NamedTuple):
    """A recorded day, with the streak that is stored."""

    day: date
    completed: bool
    streak: int


class Scheduled(Protocol):
    """What tells when a habit is due."""

    @property
    def weekdays(self) -> list[int] | None: ...
    @property
    def times_per_week(self) -> int | None: ...
    @property
    def start_date(self) -> date: ...


class _ScheduleRow(NamedTuple):
    weekdays: list[int] | None
    times_per_week: int | None
    start_date: date


def progress_id(habit_id: str, day: date) -> str:
    """The id of a habit's progress on a day."""
    return f"{habit_id}:{day.isoformat()}"


def progress_rows(user_id: UUID, habit_id: str, since: date = FIRST_DAY) -> list[DayRow]:
    """The recorded days of a habit that streaks from a day on follow from; by default all."""
    parameters = {"user_id": user_id, "id": habit_id, "first": needed_from(since)}
    return [DayRow(*row) for row in execute(_DAYS, parameters)]


def history_of(habit: Scheduled, rows: Iterable[DayRow], since: date = FIRST_DAY) -> History:
    """The history of a habit, from a day on, from the rows of `progress_rows`."""
    weekdays = frozenset(habit.weekdays or range(1, 8))
    schedule = Schedule(habit.start_date, weekdays, habit.times_per_week)
    return History.continued(
        schedule, since, {row.day: row.streak for row in rows if row.completed}
    )


def streak_of(history: History, day: date, completed: bool) -> int:
    """The streak that a recorded day shows: none when it was not done, even where not due."""
    return history.streak_on(day) if completed else 0


def store_streaks(
    user_id: UUID, since: date, days: Mapping[str, tuple[History, list[DayRow]]]
) -> None:
    """Store the streaks, from a day on, that differ from what the rows have, by habit."""
    fresh = [
        (habit_id, row, streak_of(history, row.day, row.completed))
        for habit_id, (history, rows) in days.items()
        for row in rows
        if row.day >= since
    ]
    changed = [(habit_id, row.day, streak) for habit_id, row, streak in fresh if streak != row[2]]
    if changed:
        names = ("habits", "days", "streaks")
        columns = dict(zip(names, map(list, zip(*changed, strict=True)), strict=True))
        written = execute(_SET_STREAKS, {"user_id": user_id, **columns})
        note(Progress.__tablename__, written.rowcount)


def refresh_streaks(user_id: UUID, habit_ids: Collection[str], since: date = FIRST_DAY) -> None:
    """Make the streaks of habits right again after their schedule or their days changed.

    Args:
        user_id: whose habits they are.
        habit_ids: the habits.
        since: the first day that changed; the days before keep their streaks.
    """
    parameters = {"user_id": user_id, "ids": list(habit_ids), "first": needed_from(since)}
    habits: dict[str, tuple[Scheduled, list[DayRow]]] = {}
    for habit_id, weekdays, times_per_week, start_date, *day in execute(
        _SCHEDULED_DAYS, parameters
    ):
        schedule = _ScheduleRow(weekdays, times_per_week, start_date)
        habits.setdefault(habit_id, (schedule, []))[1].append(DayRow(*day))
    store_streaks(
        user_id,
        since,
        {name: (history_of(habit, days, since), days) for name, (habit, days) in habits.items()},
    )


def delete_progress_of(user_id: UUID, habit_ids: Collection[str]) -> None:
    """Make tombstones of all progress of habits."""
    owned.delete_where(Progress, user_id, Progress.habit_id.in_(habit_ids))
