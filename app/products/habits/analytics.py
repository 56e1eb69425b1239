"""Figures of habits over all people."""

from sqlalchemy import text

FIGURES = text("""
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
MEANINGS = {
    "created": "Habits created in the period, also those deleted since.",
    "active": "Active habits now.",
    "people": "People who have a habit now.",
    "recorded": "Days recorded in the period, done or not.",
    "completed": "Of these, days that were done.",
    "completion": "Done of recorded, 0 to 1.",
    "recording": "People who recorded a day of the period.",
    "streak": "The longest streak that reached into the period.",
}
