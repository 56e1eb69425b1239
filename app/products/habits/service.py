"""The rules of habits and their progress."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import tuple_
from sqlalchemy.dialects.postgresql import insert

from app.accounts.models import User
from app.database import owned
from app.database.feed import lock_feed
from app.errors import Unprocessable
from app.etags import require_match
from app.extensions import db
from app.operations.metrics import RECORDS_CREATED
from app.pages import decode_cursor, page_of
from app.products.habits.models import Habit, Progress
from app.products.habits.schemas import (
    MAX_RANGE_DAYS,
    HabitFields,
    HabitInput,
    HabitOutput,
    HabitPatch,
    HabitsQuery,
    ProgressInput,
    ProgressOutput,
    ProgressQuery,
    RangeQuery,
    RateOutput,
    StatisticsOutput,
)
from app.products.habits.streaks import Rate
from app.products.habits.upkeep import (
    SCHEDULE_FIELDS,
    DayRow,
    delete_progress_of,
    history_of,
    progress_id,
    progress_rows,
    refresh_streaks,
    store_streaks,
    streak_of,
)

DEFAULT_RANGE_DAYS = 84


def list_habits(user_id: UUID, query: HabitsQuery) -> dict[str, Any]:
    """One page of the user's habits, by id."""
    statement = owned.present(Habit, user_id)
    if query.active is not None:
        statement = statement.where(Habit.active == query.active)
    return owned.page_by_id(Habit, statement, query)


def get_habit(user_id: UUID, habit_id: str) -> Habit:
    """Find a habit of the user.

    Raises:
        NotFound: the user has none of this id.
    """
    return owned.find(Habit, user_id, habit_id, "You have no such habit.")


def create_habit(user_id: UUID, data: HabitInput) -> tuple[Habit, bool]:
    """Create a habit, or bring a deleted one of this id back with new content.

    A repeat of the request, after a lost reply, finds the habit as it is.

    Returns:
        the habit, and whether it is new.

    Raises:
        Conflict: the id is taken by a habit with other content.
    """
    lock_feed(user_id)
    fields = data.model_dump(exclude={"id"})
    same = owned.find_repeat(Habit, user_id, data.id, fields, HabitOutput)
    if same:
        return same, False
    return owned.store_new(Habit, user_id, data.id, fields), True


def update_habit(user_id: UUID, habit_id: str, data: HabitPatch) -> Habit:
    """Change what the input names; a changed schedule changes the streaks.

    Raises:
        NotFound: the user has no such habit.
        PreconditionFailed: it is not the revision that If-Match names.
        Problem: 422, the result would be no valid habit.
    """
    habit = owned.find_to_change(get_habit, HabitOutput, user_id, habit_id)
    changes = data.given()
    if data.schedule and data.schedule != habit.schedule:
        # The fields of the old schedule go with it.
        changes = {"weekdays": None, "times_per_week": None} | changes
    owned.assign(habit, owned.changed(habit, HabitFields, changes))
    db.session.flush()
    if changes.keys() & SCHEDULE_FIELDS:
        refresh_streaks(user_id, [habit_id])
    db.session.commit()
    return habit


def delete_habit(user_id: UUID, habit_id: str) -> None:
    """Delete a habit and its progress; both stay as tombstones for the other devices.

    Raises:
        NotFound: the user has no such habit.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    habit = owned.find_to_change(get_habit, HabitOutput, user_id, habit_id)
    habit.deleted_at = datetime.now(UTC)
    delete_progress_of(user_id, [habit_id])
    db.session.commit()


def get_progress(user_id: UUID, habit_id: str, day: date) -> Progress:
    """Find the progress of one day.

    Raises:
        NotFound: the user has no such habit, or nothing was recorded that day.
    """
    missing = "Nothing is recorded for this habit and day."
    return owned.find(Progress, user_id, progress_id(habit_id, day), missing)


def put_progress(
    user_id: UUID, habit_id: str, day: date, data: ProgressInput
) -> tuple[Progress, bool]:
    """Record one day of a habit, over what was recorded before.

    Returns:
        the progress, and whether the day is new.

    Raises:
        NotFound: the user has no such habit.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    lock_feed(user_id)
    habit = get_habit(user_id, habit_id)
    row_id = progress_id(habit_id, day)
    before = owned.find_to_replace(Progress, user_id, row_id, ProgressOutput)
    if before is not None and _is_same(before, data):
        return before, False
    rows = [row for row in progress_rows(user_id, habit_id, since=day) if row.day != day]
    history = history_of(habit, [*rows, DayRow(day, data.completed, 0)], since=day)
    statement = insert(Progress).values(
        user_id=user_id,
        id=row_id,
        habit_id=habit_id,
        date=day,
        streak=streak_of(history, day, data.completed),
        **data.model_dump(),
    )
    changed = ("completed", "note", "streak")
    progress = db.session.scalars(
        statement.on_conflict_do_update(
            index_elements=["user_id", "id"],
            set_={name: statement.excluded[name] for name in changed} | {"deleted_at": None},
        ).returning(Progress),
        execution_options={"populate_existing": True},
    ).one()
    store_streaks(user_id, day, {habit_id: (history, rows)})
    db.session.commit()
    if before is None:
        RECORDS_CREATED.labels("user_progress").inc()
    return progress, before is None


def delete_progress(user_id: UUID, habit_id: str, day: date) -> None:
    """Delete what was recorded for a day.

    Raises:
        NotFound: nothing was.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    lock_feed(user_id)
    get_habit(user_id, habit_id)
    progress = get_progress(user_id, habit_id, day)
    require_match(progress, ProgressOutput)
    progress.deleted_at = datetime.now(UTC)
    db.session.flush()
    refresh_streaks(user_id, [habit_id], since=day)
    db.session.commit()


def list_progress(
    user_id: UUID, query: ProgressQuery, habit_id: str | None = None
) -> dict[str, Any]:
    """One page of progress by day, of one habit or of all.

    Raises:
        NotFound: the user has no such habit.
    """
    key = tuple_(Progress.date, Progress.habit_id)
    statement = owned.present(Progress, user_id)
    if habit_id is not None:
        get_habit(user_id, habit_id)
        statement = statement.where(Progress.habit_id == habit_id)
    if query.start and query.end and query.start > query.end:
        raise Unprocessable("start", "must not be after the end")
    if query.start:
        statement = statement.where(Progress.date >= query.start)
    if query.end:
        statement = statement.where(Progress.date <= query.end)
    if query.after:
        last = decode_cursor(query.after, date.fromisoformat, str)
        statement = statement.where(key > tuple_(*last))
    ordered = statement.order_by(Progress.date, Progress.habit_id).limit(query.limit + 1)
    rows = db.session.scalars(ordered).all()
    return page_of(rows, query.limit, lambda row: (row.date.isoformat(), row.habit_id))


def statistics(user: User, habit_id: str, query: RangeQuery) -> StatisticsOutput:
    """Streaks, and completion rates by week and month, of the last 84 days unless told otherwise.

    Raises:
        NotFound: the user has no such habit.
        Unprocessable: the range is empty or longer than 731 days.
    """
    habit = get_habit(user.id, habit_id)
    today = datetime.now(ZoneInfo(user.time_zone)).date()
    last = min(query.end or today, today)
    first = query.start or last - timedelta(days=DEFAULT_RANGE_DAYS - 1)
    if query.start and query.start > (query.end or today):
        raise Unprocessable("start", "must not be after the end")
    if (last - first).days >= MAX_RANGE_DAYS:
        raise Unprocessable("start", f"must be within {MAX_RANGE_DAYS} days of the end")
    # A day in the future is not done yet, whatever a clock that is wrong has recorded.
    rows = [row for row in progress_rows(user.id, habit_id) if row.day <= today]
    history = history_of(habit, rows)
    return StatisticsOutput(
        today=today,
        unit="weeks" if habit.schedule == "weekly" else "days",
        current_streak=history.current(today),
        best_streak=history.best,
        completed_days=len(history.done),
        weeks=_rates(history.weekly_rates(first, last)),
        months=_rates(history.monthly_rates(first, last)),
    )


def _rates(rates: Iterable[Rate]) -> list[RateOutput]:
    return [
        RateOutput(
            start=rate.start,
            due=rate.due,
            done=rate.done,
            rate=round(rate.done / rate.due, 4) if rate.due else None,
        )
        for rate in rates
    ]


def _is_same(progress: Progress, data: ProgressInput) -> bool:
    return progress.completed == data.completed and progress.note == data.note
