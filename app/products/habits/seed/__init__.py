"""Example habits for a demo account."""

from datetime import UTC, datetime, timedelta

from app.accounts.models import User
from app.products.habits import service
from app.products.habits.schemas import HabitInput, ProgressInput

DAYS = 28


def seed(user: User) -> None:
    """Give a user three habits and four weeks of progress."""
    user_id = user.id
    today = datetime.now(UTC).date()
    first = today - timedelta(days=DAYS)
    habits = [
        HabitInput(id="read", name="Read 20 pages", start_date=first),
        HabitInput(id="run", name="Run", schedule="weekdays", weekdays=[2, 4, 6], start_date=first),
        HabitInput(
            id="cook", name="Cook at home", schedule="weekly", times_per_week=4, start_date=first
        ),
    ]
    for number, habit in enumerate(habits):
        service.create_habit(user_id, habit)
        for back in range(DAYS, 0, -1):
            # A missed day now and then, at other days for each habit.
            done = (back + number) % (6 - number) != 0
            day = today - timedelta(days=back)
            service.put_progress(user_id, habit.id or "", day, ProgressInput(completed=done))
