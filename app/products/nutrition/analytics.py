"""Figures of nutrition over all people."""

from datetime import date

from sqlalchemy import text

from app.analytics.schemas import FigureOutput
from app.extensions import db

_FIGURES = text("""
    SELECT * FROM (
        SELECT count(*) AS profiles,
               count(*) FILTER (WHERE goal = 'lose') AS losing,
               count(*) FILTER (WHERE goal = 'gain') AS gaining
        FROM analytics.nutrition_profiles WHERE deleted_at IS NULL
    ) AS profiles, (
        SELECT count(*) FILTER (WHERE (created_at AT TIME ZONE 'UTC')::date
                   BETWEEN :first AND :last) AS plans_created,
               count(DISTINCT person) FILTER (WHERE deleted_at IS NULL) AS planning
        FROM analytics.meal_plans
    ) AS plans, (
        SELECT count(*) AS meals_planned,
               round(avg(changed::int), 4) AS meals_changed
        FROM analytics.plan_meals
        WHERE (created_at AT TIME ZONE 'UTC')::date BETWEEN :first AND :last
    ) AS meals
""")
_MEANINGS = {
    "profiles": "People who have a nutrition profile now.",
    "losing": "Of these, people who want to lose weight.",
    "gaining": "Of these, people who want to gain weight.",
    "plans_created": "Meal plans created in the period, also those deleted since.",
    "planning": "People who have a meal plan now.",
    "meals_planned": "Meals put into plans in the period, also those taken out since.",
    "meals_changed": "Of these, the share with people's own changes, 0 to 1.",
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
