"""Figures of characters over all people."""

from sqlalchemy import text

FIGURES = text("""
    SELECT *
    FROM (
        SELECT count(*) FILTER (WHERE (created_at AT TIME ZONE 'UTC')::date
                   BETWEEN :first AND :last) AS created,
               count(*) FILTER (WHERE deleted_at IS NULL) AS characters,
               count(DISTINCT person) FILTER (WHERE deleted_at IS NULL) AS people,
               count(*) FILTER (WHERE portrait AND deleted_at IS NULL) AS portraits,
               max(experience) FILTER (WHERE deleted_at IS NULL) AS experience
        FROM analytics.characters
    ) AS characters, (
        SELECT count(DISTINCT character) AS equipped
        FROM analytics.character_equipment WHERE deleted_at IS NULL
    ) AS equipment
""")
MEANINGS = {
    "created": "Characters created in the period, also those deleted since.",
    "characters": "Characters now.",
    "people": "People who have a character now.",
    "portraits": "Characters with a portrait now.",
    "equipped": "Characters that wear something now.",
    "experience": "The most experience of a character now.",
}
