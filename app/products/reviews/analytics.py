"""Figures of reviews over all people."""

from sqlalchemy import text

FIGURES = text("""
    SELECT count(*) FILTER (WHERE new) AS created,
           count(*) FILTER (WHERE shown) AS published,
           count(*) FILTER (WHERE deleted_at IS NULL AND hidden_at IS NOT NULL) AS hidden,
           count(DISTINCT book) FILTER (WHERE shown) AS books,
           count(DISTINCT person) FILTER (WHERE new) AS reviewing,
           round(avg(rating) FILTER (WHERE shown), 2) AS rating
    FROM (
        SELECT *, deleted_at IS NULL AND hidden_at IS NULL AND published AS shown,
               (created_at AT TIME ZONE 'UTC')::date BETWEEN :first AND :last AS new
        FROM analytics.reviews
    ) AS reviews
""")
MEANINGS = {
    "created": "Reviews written in the period, also those deleted since.",
    "published": "Reviews that the public sees now.",
    "hidden": "Reviews that are hidden by an administrator now.",
    "books": "Books with a review that the public sees.",
    "reviewing": "People who wrote a review in the period.",
    "rating": "Mean rating of the reviews that the public sees, 1 to 5.",
}
