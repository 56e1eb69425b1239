"""Figures of nutrition over all people."""

from sqlalchemy import text

FIGURES = text("""
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
MEANINGS = {
    "profiles": "People who have a nutrition profile now.",
    "losing": "Of these, people who want to lose weight.",
    "gaining": "Of these, people who want to gain weight.",
    "plans_created": "Meal plans created in the period, also those deleted since.",
    "planning": "People who have a meal plan now.",
    "meals_planned": "Meals put into plans in the period, also those taken out since.",
    "meals_changed": "Of these, the share with people's own changes, 0 to 1.",
}
