"""Writes of owned rows: one event for a request."""

import pytest
from sqlalchemy import text

from app.audit.writes import note
from app.extensions import db


@pytest.fixture
def put_day(client):
    def put(account, day: str):
        return client.put(
            f"/v1/habits/run/progress/{day}",
            json={"completed": True, "note": "mine"},
            headers=account.headers,
        )

    return put


@pytest.fixture
def runner(register, client):
    """An account with the habit `run`."""
    account = register()
    habit = {"id": "run", "name": "Run", "start_date": "2026-01-01"}
    client.post("/v1/habits", json=habit, headers=account.headers)
    return account


def written(events_of, account) -> list[dict]:
    return [event["details"]["tables"] for event in events_of(account, kind="rows.written")]


def test_a_new_row_is_one_event(runner, events_of):
    (event,) = events_of(runner, kind="rows.written")

    assert event["subject_table"] == "user_habits"
    assert event["details"] == {"tables": {"user_habits": 1}, "route": "POST /v1/habits"}
    assert event["device_id"] == runner.tokens["device_id"]


def test_rows_of_several_tables_are_one_event(runner, events_of, client, put_day):
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        put_day(runner, day)
    client.delete("/v1/habits/run", headers=runner.headers)

    tables = written(events_of, runner)

    assert tables[1:4] == [{"user_progress": 1}] * 3
    assert tables[4] == {"user_habits": 1, "user_progress": 3}


def test_following_rows_are_counted(runner, events_of, put_day):
    put_day(runner, "2026-01-02")
    put_day(runner, "2026-01-03")
    put_day(runner, "2026-01-01")

    assert written(events_of, runner)[-1] == {"user_progress": 3}


def test_reading_is_no_event(runner, events_of, client):
    client.get("/v1/habits", headers=runner.headers)
    client.get("/v1/habits/run/statistics", headers=runner.headers)

    assert len(events_of(runner, kind="rows.written")) == 1


def test_what_is_refused_is_no_write(runner, events_of, client):
    client.patch(
        "/v1/habits/run", json={"name": "x"}, headers={**runner.headers, "If-Match": '"99"'}
    )
    client.post(
        "/v1/habits",
        json={"id": "run", "name": "Other", "start_date": "2026-01-01"},
        headers=runner.headers,
    )

    assert len(events_of(runner, kind="rows.written")) == 1


@pytest.fixture
def serve(make_app, register, events_of):
    """Add an endpoint to an application of its own, call it once, and tell what was recorded."""

    def call(view) -> list[dict]:
        from app.accounts.authentication import auth

        app = make_app()
        app.post("/v1/try")(app.auth_required(auth)(view))
        account = register()
        answer = app.test_client().post("/v1/try", headers=account.headers)
        assert answer.status_code == 200, answer.text
        return written(events_of, account)

    return call


INSERT = (
    "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) "
    "SELECT app_user_id(), 'h' || n, 'x', 'daily', '2026-01-01', true FROM generate_series(1, 3) n"
)
INSERT_BY_WITH = f"WITH new AS ({INSERT} RETURNING id) SELECT id FROM new"  # noqa: S608


def test_set_based_statements_are_counted(serve):
    def view() -> dict:
        db.session.execute(text(INSERT_BY_WITH))
        db.session.execute(text("UPDATE user_habits SET name = 'y' WHERE id <> 'h1'"))
        db.session.execute(text("DELETE FROM user_habits WHERE id = 'h3'"))
        db.session.commit()
        return {}

    assert serve(view) == [{"user_habits": 6}]


def test_what_was_rolled_back_is_not_counted(serve):
    def view() -> dict:
        db.session.execute(text(INSERT))
        db.session.rollback()
        db.session.execute(text("DELETE FROM user_habits"))
        db.session.commit()
        return {}

    assert serve(view) == []


def test_a_savepoint_loses_no_count(serve):
    def view() -> dict:
        db.session.execute(text(INSERT))
        with db.session.begin_nested():
            db.session.execute(text("UPDATE user_habits SET name = 'y'"))
        db.session.begin_nested().rollback()
        db.session.commit()
        return {}

    assert serve(view) == [{"user_habits": 6}]


def test_a_function_of_the_database_is_noted_by_its_caller(serve):
    def view() -> dict:
        note("user_progress", 5)
        db.session.commit()
        return {}

    assert serve(view) == [{"user_progress": 5}]
