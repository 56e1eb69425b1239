"""Rows as an app makes them, the same for both clients."""

from datetime import date, timedelta
from typing import Any

FIRST = date(2026, 1, 1)


def habit(kind: str, row_id: str = "read", **fields: Any) -> dict[str, Any]:
    """A habit due on Mondays and Wednesdays; WatermelonDB keeps lists as text."""
    return {
        "id": row_id,
        "name": "Read",
        "description": "",
        "schedule": "weekdays",
        "weekdays": [1, 3] if kind == "rxdb" else "[1,3]",
        "times_per_week": None,
        "start_date": "2000-01-01",
        "active": True,
        **fields,
    }


def day(number: int, habit_id: str = "read", **fields: Any) -> dict[str, Any]:
    """A day of a habit."""
    on = (FIRST + timedelta(days=number)).isoformat()
    return {
        "id": f"{habit_id}:{on}",
        "habit_id": habit_id,
        "date": on,
        "completed": True,
        "note": "",
        "streak": 0,
        **fields,
    }
