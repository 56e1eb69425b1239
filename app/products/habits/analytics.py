"""Figures of habits over all people."""

from datetime import date

from sqlalchemy import text

from app.analytics.schemas import FigureOutput
from app.extensions import db

_FIGURES = text("""
    SELECT *, round(completed::numeric / nullif(recorded, 0), 4) AS completion
    FROM (
        SELECT count(*) FILTER (WHERE (created_at AT TIME ZONE 'UTC')::date
                   BETWEEN :first AND :last) AS created,
               count(*) FILTER (WHERE active AND deleted_at IS NULL) AS active,
               count(DISTINCT person) FILTER (WHERE deleted_at IS NULL) AS people
        FROM analytics.habits
    ) AS habits, (
        SELECT count(*) AS recorded, count(*) FILTER (WHERE completed) AS completed,
               count(DISTINCT person) AS recording,
               max(streak) AS streak
        FROM analytics.progress WHERE deleted_at IS NULL AND date BETWEEN :first AND :last
    ) AS progress
""")
_MEANINGS = {
    "created": "Habits created in the period, also those deleted since.",
    "active": "Active habits now.",
    "people": "People who have a habit now.",
    "recorded": "Days recorded in the period, done or not.",
    "completed": "Of these, days that were done.",
    "completion": "Done of recorded, 0 to 1.",
    "recording": "People who recorded a day of the period.",
    "streak": "The longest streak that reached into the period.",
}


def figures(first: date, last: date) -> list[FigureOutput]:
    """The figures of a period; for the scope "analytics".

    Args:
        first: its first day.
        last: its last day.
    """
    row = db.session.execute(_FIGURES, {"first": first, "last": last}).mappings().one()
    return [
        FigureOutput(name=name, value=row[name], description=meaning)
        for name, meaning in _MEANINGS.items()
    ]
