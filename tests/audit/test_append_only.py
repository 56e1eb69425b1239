"""What the role of the API may do with the log: append, and read what the transaction may see."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.audit.recording import record
from app.database.session import act_as
from app.extensions import db


@pytest.fixture
def two(register):
    return register(), register()


def count() -> int:
    return db.session.scalar(text("SELECT count(*) FROM audit_events"))


def test_a_query_without_a_condition_sees_one_user(app, two):
    with app.app_context():
        act_as(two[0].id)
        assert count() == 1
        act_as(None)
        assert count() == 0
        act_as(None, scope="accounts")
        assert count() == 0
        act_as(two[0].id, scope="admin")
        assert count() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET kind = 'x.y'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "SELECT * FROM audit_events_default",
        "INSERT INTO audit_events_default (actor, kind, outcome) VALUES ('user', 'x', 'failed')",
        "DROP TABLE audit_events_default",
    ],
)
def test_nothing_is_changed_or_removed(app, two, statement):
    with app.app_context():
        act_as(two[0].id, scope="admin")
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            db.session.execute(text(statement))


def test_nobody_writes_in_the_name_of_another(app, two):
    with app.app_context():
        act_as(two[0].id)
        with pytest.raises(ProgrammingError, match="row-level security"):
            record("test.planted", two[1].id)


def test_the_analyst_sees_events_of_pseudonyms(servers, two):
    url = servers.superuser_url.replace("postgres@", "fivebox_analyst@")
    with psycopg.connect(url, autocommit=True) as analyst:
        rows = analyst.execute("SELECT person, kind FROM analytics.events").fetchall()
        assert len(rows) == len({person for person, _ in rows}) == 2
        assert not {person for person, _ in rows} & {two[0].id, two[1].id}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute("SELECT * FROM audit_events")
