"""Figures of timers over all people; of what they are about, nothing can be known."""

from sqlalchemy import text

FIGURES = text("""
    SELECT * FROM (
        SELECT count(*) FILTER (WHERE (created_at AT TIME ZONE 'UTC')::date
                   BETWEEN :first AND :last) AS created,
               count(*) FILTER (WHERE NOT finished AND deleted_at IS NULL) AS running,
               count(*) FILTER (WHERE finished AND deleted_at IS NULL) AS finished,
               count(*) FILTER (WHERE all_day AND deleted_at IS NULL) AS all_day,
               count(DISTINCT person) FILTER (WHERE deleted_at IS NULL) AS people
        FROM analytics.timers
    ) AS timers, (
        SELECT count(*) FILTER (WHERE current) AS set_up,
               count(*) FILTER (WHERE NOT current) AS rotated
        FROM analytics.timer_keys
    ) AS keys
""")
MEANINGS = {
    "created": "Timers created in the period, also those deleted since.",
    "running": "Timers now that are not finished.",
    "finished": "Finished timers now.",
    "all_day": "All-day timers now.",
    "people": "People who have a timer now.",
    "set_up": "People who have a key.",
    "rotated": "Keys that were replaced by a newer one.",
}
