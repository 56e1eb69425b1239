"""What syncs, and what follows from a push."""

from collections.abc import Sequence
from uuid import UUID

from app.products.habits.models import Habit, Progress
from app.products.habits.schemas import HabitFields, ProgressFields
from app.products.habits.upkeep import (
    SCHEDULE_FIELDS,
    delete_progress_of,
    progress_id,
    refresh_streaks,
)
from app.sync.collection import Change, Collection, Parent


def _expected_id(progress: ProgressFields) -> str:
    return progress_id(progress.habit_id, progress.date)


def _settle_habits(user_id: UUID, changes: Sequence[Change]) -> None:
    deleted = [change.id for change in changes if change.after is None]
    if deleted:
        delete_progress_of(user_id, deleted)
    rescheduled = [change.id for change in changes if _is_rescheduled(change)]
    if rescheduled:
        refresh_streaks(user_id, rescheduled)


def _is_rescheduled(change: Change) -> bool:
    # A new habit has no progress yet.
    return (
        change.before is not None
        and change.after is not None
        and any(change.before[name] != change.after[name] for name in SCHEDULE_FIELDS)
    )


def _settle_progress(user_id: UUID, changes: Sequence[Change]) -> None:
    days = [change.after or change.before for change in changes if not _keeps_streaks(change)]
    changed = [day for day in days if day]
    if changed:
        habits = {day["habit_id"] for day in changed}
        refresh_streaks(user_id, habits, since=min(day["date"] for day in changed))


def _keeps_streaks(change: Change) -> bool:
    # The habit and the day are in the id, and so the same.
    return (
        change.before is not None
        and change.after is not None
        and not change.revived
        and change.before["completed"] == change.after["completed"]
    )


collections = [
    Collection("habits", Habit, HabitFields, settle=_settle_habits),
    Collection(
        "progress",
        Progress,
        ProgressFields,
        derived=("streak",),
        parent=Parent("habit_id", Habit),
        expected_id=_expected_id,
        settle=_settle_progress,
    ),
]
