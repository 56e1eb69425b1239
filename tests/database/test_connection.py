"""What goes with a COMMIT, what a ROLLBACK leaves prepared, and the errors of plain statements."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from apiflask import APIFlask
from sqlalchemy.exc import DataError, IntegrityError

from app.database.connection import commit_with, execute
from app.database.session import act_as
from app.extensions import db
from tests.conftest import Account

INSERT = "INSERT INTO active_days (user_id, day) VALUES (%(user_id)s, %(day)s)"
SELECT = "SELECT day::text FROM active_days WHERE day < '2020-01-01' ORDER BY day"
PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%active_days%%'"


@pytest.fixture
def user_id(app: APIFlask, register: Callable[..., Account]) -> Iterator[UUID]:
    """Whom the transactions of the test act for."""
    found = UUID(register().id)
    with app.app_context():
        # Other tests may have left several connections, and statements prepared on them.
        db.engine.dispose()
        act_as(found)
        yield found


def days() -> list[str]:
    return [day for (day,) in execute(SELECT, {})]


def test_a_statement_runs_with_the_commit(user_id: UUID) -> None:
    commit_with(INSERT, {"user_id": user_id, "day": "2019-12-31"})
    assert days() == []

    db.session.commit()

    assert days() == ["2019-12-31"]


def test_a_statement_for_the_commit_is_forgotten_with_a_rollback(user_id: UUID) -> None:
    commit_with(INSERT, {"user_id": user_id, "day": "2019-12-31"})
    db.session.rollback()
    execute(INSERT, {"user_id": user_id, "day": "2019-12-30"})

    db.session.commit()

    assert days() == ["2019-12-30"]


def test_a_commit_fails_with_its_statement(user_id: UUID) -> None:
    execute(INSERT, {"user_id": user_id, "day": "2019-12-30"})
    commit_with(INSERT, {"user_id": user_id, "day": "2019-12-30"})

    with pytest.raises(IntegrityError):
        db.session.commit()

    # As at the end of a request; what comes next gets the same connection.
    db.session.remove()
    assert days() == []


def test_a_value_cannot_end_its_statement(user_id: UUID) -> None:
    commit_with(INSERT, {"user_id": user_id, "day": "'); DELETE FROM users; --"})
    with pytest.raises(DataError):
        db.session.commit()
    db.session.rollback()

    assert execute("SELECT count(*) FROM users", {}).fetchone() == (1,)


def test_a_plain_statement_raises_the_errors_of_sqlalchemy(user_id: UUID) -> None:
    with pytest.raises(DataError) as caught:
        execute("SELECT 1 / %(divisor)s, 'private'", {"divisor": 0})

    assert caught.value.hide_parameters
    db.session.rollback()
    assert days() == []


def test_statements_stay_prepared_when_reading_ends(user_id: UUID) -> None:
    for _ in range(8):
        days()
        db.session.rollback()

    assert execute(PREPARED, {}).fetchone() == (1,)


def test_statements_are_prepared_anew_after_an_error(user_id: UUID) -> None:
    for _ in range(8):
        days()
        db.session.rollback()
    with pytest.raises(DataError):
        execute("SELECT 1 / %(divisor)s", {"divisor": 0})
    db.session.rollback()

    assert execute(PREPARED, {}).fetchone() == (0,)
