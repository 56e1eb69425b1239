"""Figures over all people, from the views of the schema `analytics`, which name nobody."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import RowMapping, TextClause, text

from app.analytics.schemas import (
    BehaviourOutput,
    BusinessOutput,
    CohortOutput,
    CountOutput,
    DayOutput,
    DeviceFiguresOutput,
    FigureOutput,
    PeriodQuery,
    UsageOutput,
)
from app.database.session import act_as
from app.extensions import db
from app.products import parts

# These read whole tables, and only an administrator waits for them.
_PATIENCE = text("SELECT set_config('statement_timeout', '30s', true)")
_DAYS = text("""
    SELECT day::date AS start, coalesce(active, 0) AS active, coalesce(registered, 0) AS registered
    FROM generate_series(CAST(:first AS date), CAST(:last AS date), '1 day') AS day
    LEFT JOIN (
        SELECT day::timestamp AS day, count(*) AS active FROM analytics.active_days
        WHERE day BETWEEN :first AND :last GROUP BY day
    ) AS used USING (day)
    LEFT JOIN (
        SELECT date_trunc('day', created_at AT TIME ZONE 'UTC') AS day, count(*) AS registered
        FROM analytics.people GROUP BY 1
    ) AS joined USING (day)
    ORDER BY start
""")
_PERIODS = text("""
    SELECT date_trunc(:unit, day)::date AS start, count(DISTINCT person) AS active
    FROM analytics.active_days WHERE day BETWEEN :first AND :last GROUP BY 1 ORDER BY 1
""")
_COHORTS = text("""
    SELECT date_trunc('week', created_at AT TIME ZONE 'UTC')::date AS week, count(*) AS people
    FROM analytics.people WHERE (created_at AT TIME ZONE 'UTC')::date BETWEEN :first AND :last
    GROUP BY 1 ORDER BY 1
""")
_RETENTION = text("""
    WITH cohort AS (
        SELECT person, date_trunc('week', created_at AT TIME ZONE 'UTC')::date AS week
        FROM analytics.people WHERE (created_at AT TIME ZONE 'UTC')::date BETWEEN :first AND :last
    ), used AS (
        SELECT DISTINCT person, date_trunc('week', day)::date AS week
        FROM analytics.active_days WHERE day BETWEEN :first AND :last
    )
    SELECT cohort.week, (used.week - cohort.week) / 7 AS later, count(*) AS active
    FROM cohort JOIN used USING (person) WHERE used.week >= cohort.week GROUP BY 1, 2
""")
_DEVICES = text("""
    SELECT count(*) AS logged_in,
           count(*) FILTER (WHERE last_seen_at >= :first) AS seen,
           round(count(*)::numeric / nullif(count(DISTINCT person), 0), 2) AS per_person
    FROM analytics.devices WHERE revoked_at IS NULL AND expires_at > now()
""")
_BUSINESS = text("""
    WITH used AS (
        SELECT person, max(day) AS last_day, count(*) AS days FROM analytics.active_days
        WHERE day BETWEEN :first AND :last GROUP BY person
    ), everybody AS (
        SELECT person, deletion_requested_at IS NOT NULL AS deleting,
               (created_at AT TIME ZONE 'UTC')::date AS joined
        FROM analytics.people
    )
    SELECT count(*) FILTER (WHERE NOT deleting) AS accounts,
           count(*) FILTER (WHERE joined BETWEEN :first AND :last) AS registered,
           count(*) FILTER (WHERE deleting) AS deleting,
           count(used.person) AS active,
           count(*) FILTER (WHERE NOT deleting AND joined < :first AND used.person IS NULL)
               AS dormant,
           count(*) FILTER (WHERE joined BETWEEN :first AND :last AND last_day > joined)
               AS activated,
           coalesce(sum(days), 0) AS person_days
    FROM everybody LEFT JOIN used USING (person)
""")


def usage(admin_id: UUID, query: PeriodQuery) -> UsageOutput:
    """Active people by day, week and month, registrations, weekly cohorts, and devices."""
    first, last = query.days
    key = {"first": first, "last": last}
    _see_all(admin_id)
    devices = _rows(_DEVICES, key)[0]
    return UsageOutput(
        start=first,
        end=last,
        days=[DayOutput(**row) for row in _rows(_DAYS, key)],
        weeks=[CountOutput(**row) for row in _rows(_PERIODS, {**key, "unit": "week"})],
        months=[CountOutput(**row) for row in _rows(_PERIODS, {**key, "unit": "month"})],
        cohorts=_cohorts(key),
        devices=DeviceFiguresOutput(**devices),
    )


def behaviour(admin_id: UUID, query: PeriodQuery) -> BehaviourOutput:
    """What people do with each product: the figures of its module `analytics`, if it has one."""
    first, last = query.days
    _see_all(admin_id)
    modules = parts(current_app.extensions["settings"].products, "analytics")
    products = {
        name: _figures(module.FIGURES, module.MEANINGS, {"first": first, "last": last})
        for name, module in modules.items()
    }
    return BehaviourOutput(start=first, end=last, products=products)


def business(admin_id: UUID, query: PeriodQuery) -> BusinessOutput:
    """How the number of people develops, and how much of it is used."""
    first, last = query.days
    _see_all(admin_id)
    row = dict(_rows(_BUSINESS, {"first": first, "last": last})[0])
    on_a_day = float(row.pop("person_days")) / ((last - first).days + 1)
    return BusinessOutput(
        start=first,
        end=last,
        activation=share(row["activated"], row["registered"]),
        stickiness=share(on_a_day, row["active"]),
        **row,
    )


def share(part: float, whole: float) -> float | None:
    """A share of 0 to 1; None of nothing."""
    return round(part / whole, 4) if whole else None


def _see_all(admin_id: UUID) -> None:
    act_as(admin_id, scope="analytics")
    db.session.execute(_PATIENCE)


def _rows(statement: TextClause, key: dict[str, Any]) -> list[RowMapping]:
    return list(db.session.execute(statement, key).mappings())


def _figures(
    statement: TextClause, meanings: Mapping[str, str], key: dict[str, Any]
) -> list[FigureOutput]:
    """The figures of a product: the columns of the one row that its statement gives."""
    (row,) = _rows(statement, key)
    return [
        FigureOutput(name=name, value=row[name], description=meaning)
        for name, meaning in meanings.items()
    ]


def _cohorts(key: dict[str, Any]) -> list[CohortOutput]:
    active = {(row["week"], row["later"]): row["active"] for row in _rows(_RETENTION, key)}
    return [
        CohortOutput(
            week=row["week"],
            people=row["people"],
            active=[
                active.get((row["week"], later), 0)
                for later in range((key["last"] - row["week"]).days // 7 + 1)
            ],
        )
        for row in _rows(_COHORTS, key)
    ]
