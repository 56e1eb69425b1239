"""What the database itself sees to: owners, indexes, limits, and views without names."""

from collections.abc import Callable

import psycopg
import pytest
from apiflask import APIFlask
from sqlalchemy import text

from app.database.session import act_as
from app.extensions import db
from tests.conftest import Account
from tests.products.nutrition.conftest import PROFILE, Call

TABLES = ["user_nutrition_profiles", "user_meal_plans", "user_plan_meals"]
VIEWS = ["nutrition_profiles", "meal_plans", "plan_meals"]


@pytest.fixture
def rows(kitchen: object, call: Call, put_meal: Callable[..., object]) -> None:
    call("PUT", "/profile", PROFILE)
    put_meal()


@pytest.mark.parametrize("table", TABLES)
def test_an_unfiltered_query_sees_one_user(
    app: APIFlask, rows: None, user: Account, register: Callable[..., Account], table: str
) -> None:
    other = register("other@example.com")
    query = text(f"SELECT count(*) FROM {table}")  # noqa: S608 - our names
    for identity, expected in ((user.id, 1), (other.id, 0), (None, 0)):
        with app.app_context():
            act_as(identity)  # type: ignore[arg-type]
            assert db.session.scalar(query) == expected


@pytest.mark.parametrize("view", VIEWS)
def test_the_analyst_sees_a_pseudonym(
    rows: None, user: Account, servers: object, view: str
) -> None:
    url = servers.superuser_url.replace("postgres@", "fivebox_analyst@")  # type: ignore[attr-defined]
    with psycopg.connect(url) as analyst:
        people = analyst.execute("SELECT person FROM analytics.people").fetchall()
        found = analyst.execute(f"SELECT * FROM analytics.{view}").fetchall()  # type: ignore[arg-type]  # noqa: S608

    assert len(found) == 1
    assert found[0][0] in {person for (person,) in people}
    assert user.id not in str(found)
    assert not {PROFILE["weight_kg"], PROFILE["height_cm"], "week", "Week"} & set(found[0])


def test_hot_queries_use_their_indexes(user: Account, plan_of: Callable[..., str]) -> None:
    mine = f"user_id = '{user.id}'"
    plans = {
        "user_meal_plans_live": f"user_meal_plans WHERE {mine} AND deleted_at IS NULL ORDER BY id",
        "user_plan_meals_by_day": f"user_plan_meals WHERE {mine} AND plan_id = 'a' "
        "AND deleted_at IS NULL ORDER BY day, id",
        **{
            f"{table}_feed": f"{table} WHERE {mine} AND rev > 5 ORDER BY rev, id"
            for table in TABLES
        },
    }
    for index, query in plans.items():
        assert index in plan_of(f"SELECT * FROM {query} LIMIT 20")  # noqa: S608


@pytest.mark.parametrize(
    "change",
    [
        "user_nutrition_profiles SET weight_kg = 20",
        "user_nutrition_profiles SET height_cm = 'NaN'",
        "user_nutrition_profiles SET sport = 'chess'",
        "user_meal_plans SET name = ''",
        "user_plan_meals SET day = 29",
        "user_plan_meals SET servings = 'Infinity'",
        "user_plan_meals SET meal_id = 'No Slug'",
        "user_plan_meals SET changes = '[]'",
    ],
)
def test_the_tables_have_the_limits_of_the_api(
    rows: None, owner_connection: psycopg.Connection, change: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner_connection.execute(f"UPDATE {change}")  # type: ignore[arg-type]


def test_all_of_it_goes_with_the_account(
    rows: None, app: APIFlask, owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute("UPDATE users SET deletion_requested_at = '2026-01-01'")
    done = app.test_cli_runner().invoke(args=["accounts", "purge"])
    assert done.exit_code == 0, done.output
    assert _counts(owner_connection) == [0, 0, 0]


def test_tombstones_are_purged(
    rows: None, call: Call, app: APIFlask, owner_connection: psycopg.Connection
) -> None:
    for path in ("/profile", "/plans/week"):
        assert call("DELETE", path).status_code == 204
    for table in TABLES:
        owner_connection.execute(
            f"UPDATE {table} SET deleted_at = '2020-01-01'"  # type: ignore[arg-type] # noqa: S608
        )
    done = app.test_cli_runner().invoke(args=["purge"])
    assert done.output == "Removed 3 rows, 0 devices and 0 sync sessions.\n"
    assert _counts(owner_connection) == [0, 0, 0]


def _counts(connection: psycopg.Connection) -> list[int]:
    found = []
    for table in TABLES:
        row = connection.execute(
            f"SELECT count(*) FROM {table}"  # type: ignore[arg-type] # noqa: S608 - our names
        ).fetchone()
        assert row
        found.append(row[0])
    return found
