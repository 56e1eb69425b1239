"""What the analyst reads: the views, in which a pseudonym stands for a person, and nothing else."""

import re

import psycopg
import pytest

PRIVATE = {"email", "name", "description", "note", "password_hash", "user_agent", "id", "user_id"}
QUERY = re.compile(r"```sql\n(.*?)```", re.S)


@pytest.fixture
def views(owner_connection) -> dict[str, set[str]]:
    """The columns of each view."""
    rows = owner_connection.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns "
        "JOIN information_schema.views USING (table_schema, table_name) "
        "WHERE table_schema = 'analytics' GROUP BY 1"
    ).fetchall()
    return {name: set(columns) for name, columns in rows}


@pytest.fixture
def seeded(fill, two):
    """The two with example rows of every product, which have all views filled."""
    for account in two:
        fill(account)
    return two


@pytest.fixture
def two(register, client):
    accounts = register("ada@example.com"), register("eve@example.com")
    for account in accounts:
        habit = {"id": "same", "name": "Secret", "start_date": "2026-01-01"}
        client.post("/v1/habits", json=habit, headers=account.headers)
        client.put(
            "/v1/habits/same/progress/2026-01-01", json={"completed": True}, headers=account.headers
        )
        assert client.get("/v1/sync", headers=account.headers).status_code == 200
    return accounts


def test_every_view_has_people_and_nothing_private(app, views):
    assert views.keys() >= {"people", "devices", "active_days", "events", "habits", "progress"}
    for name, columns in views.items():
        assert "person" in columns, name
        assert not columns & PRIVATE, name


def test_a_person_is_the_same_in_all_views(analyst, seeded, views):
    people = {row[0] for row in analyst.execute("SELECT person FROM analytics.people")}

    assert len(people) == 2
    assert not people & {account.id for account in seeded}
    for name in views:
        found = {row[0] for row in analyst.execute(f"SELECT person FROM analytics.{name}")}  # noqa: S608
        assert found == people, name


def test_a_habit_of_two_people_is_two(analyst, two):
    habits = analyst.execute("SELECT habit FROM analytics.habits").fetchall()

    assert len(set(habits)) == 2
    assert analyst.execute("SELECT habit FROM analytics.progress").fetchall() != []
    assert set(analyst.execute("SELECT habit FROM analytics.progress").fetchall()) == set(habits)


def test_no_table_is_open_to_the_analyst(app, owner_connection):
    rows = owner_connection.execute(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
        "WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text IN "
        "('public', 'analytics') AND attnum > 0 AND NOT attisdropped "
        "AND has_column_privilege('fivebox_analyst', pg_class.oid, attnum, 'SELECT') "
        "AND (attname IN ('user_id', 'email', 'name', 'note', 'value') OR relname = 'users')"
    ).fetchall()

    assert rows == []


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM users",
        "SELECT id FROM users",
        "SELECT user_id FROM user_habits",
        "SELECT * FROM audit_events",
        "SELECT value FROM analytics.salt",
        "DELETE FROM analytics.people",
        "UPDATE analytics.habits SET active = false",
        "CREATE TABLE mine (a int)",
    ],
)
def test_all_else_is_refused(analyst, query):
    # The views cannot be written by anybody.
    refusals = psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState
    with pytest.raises(refusals):
        analyst.execute(query)


def test_a_setting_opens_no_table(analyst, two):
    analyst.execute("SELECT set_config('app.scope', 'accounts', false)")
    analyst.execute("SELECT set_config('app.user_id', %s, false)", [two[0].id])

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        analyst.execute("SELECT email FROM users")


def test_the_api_reads_the_views_in_their_scope_only(servers, two):
    url = servers.superuser_url.replace("postgres@", "fivebox_app@")
    with psycopg.connect(url, autocommit=True) as connection:
        closed = connection.execute("SELECT count(*) FROM analytics.people").fetchone()
        connection.execute("SELECT set_config('app.scope', 'analytics', false)")
        opened = connection.execute("SELECT count(*) FROM analytics.people").fetchone()
        tables = connection.execute("SELECT count(*) FROM users").fetchone()

    assert (closed, opened, tables) == ((0,), (2,), (0,))


def test_every_view_is_documented(analyst, project):
    found = analyst.execute(
        "SELECT table_name FROM information_schema.views WHERE table_schema = 'analytics'"
    ).fetchall()
    page = (project / "docs" / "analytics.md").read_text().partition("## Views")[2]

    listed = re.findall(r"^\| `(\w+)` \|", page, re.M)

    assert sorted(listed) == sorted(name for (name,) in found)


def documented(project) -> list[str]:
    return QUERY.findall((project / "docs" / "analytics.md").read_text())


def test_every_documented_query_runs_as_the_analyst(analyst, two, project, subtests):
    queries = documented(project)

    assert len(queries) >= 5
    for query in queries:
        with subtests.test(query.splitlines()[0]):
            assert analyst.execute(query).fetchall()
