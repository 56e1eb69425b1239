"""What is published: one message for each commit that changed something."""

import pytest
from sqlalchemy import text

from app.database.session import act_as
from app.extensions import db

INSERT = text(
    "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) "
    "SELECT :user, 'h' || n, :name, 'daily', '2026-01-01', true FROM generate_series(1, :rows) n "
    "ON CONFLICT (user_id, id) DO UPDATE SET name = excluded.name"
)


@pytest.fixture
def session(make_app, valkey, user):
    """A session that acts for the user, and whose commits go where `published` listens."""
    with make_app(redis_url=valkey.url).app_context():
        act_as(user.id)
        yield db.session


def store(session, user, name: str, rows: int = 3) -> None:
    session.execute(INSERT, {"user": user.id, "name": name, "rows": rows})


def rev_of(session) -> int:
    return session.scalar(text("SELECT max(rev) FROM user_habits"))


def test_each_commit_is_published_once(user, published):
    revisions = [user.add_habit(f"habit-{n}") for n in range(5)]
    status, _ = user.call("DELETE", "/v1/habits/habit-0")

    assert status == 204
    found = published(6)
    assert sorted(m["rev"] for m in found) == [*revisions, revisions[-1] + 1]
    assert {m["user"] for m in found} == {user.id}


def test_a_commit_is_published_while_the_password_of_the_database_changes(
    make_app, valkey, user, published
):
    changing = make_app(redis_url=valkey.url, database_other_password="the-next-one")
    with changing.app_context():
        act_as(user.id)
        store(db.session, user, "run")
        db.session.commit()
        revision = rev_of(db.session)

    assert [message["rev"] for message in published(1)] == [revision]


def test_a_repeated_request_publishes_nothing(user, published):
    first = user.add_habit("run")
    day = {"completed": True, "note": ""}
    assert user.call("PUT", "/v1/habits/run/progress/2026-01-01", day)[0] == 201
    second = user.call("GET", "/v1/habits/run/progress/2026-01-01")[1]["rev"]

    assert user.add_habit("run") == first
    assert user.call("PUT", "/v1/habits/run/progress/2026-01-01", day)[0] == 200
    assert user.call("PATCH", "/v1/habits/run", {"name": "Run"})[0] == 200
    last = user.add_habit("walk")

    # One worker's messages may overtake the other's; what matters is that there are no more.
    assert sorted(m["rev"] for m in published(3)) == sorted([first, second, last])


def test_reads_and_log_ins_publish_nothing(user, published):
    from tests.conftest import PASSWORD

    user.call("GET", "/v1/habits")
    user.call("PATCH", "/v1/accounts/me", {"name": "Eve"})
    log_in = {"email": user.email, "password": PASSWORD}
    assert user.api.request("POST", "/v1/accounts/login", log_in)[0] == 200
    rev = user.add_habit("run")

    assert published(1) == [{"user": user.id, "rev": rev}]


def test_a_statement_of_many_rows_is_one_message(session, user, published):
    store(session, user, "a")
    newest = rev_of(session)
    session.commit()

    assert published(1) == [{"user": user.id, "rev": newest}]
    last = _sentinel(session, user, published)
    assert last > newest


def test_a_rollback_publishes_nothing(session, user, published):
    store(session, user, "a")
    session.rollback()

    _sentinel(session, user, published)


def test_a_commit_that_changed_nothing_publishes_nothing(session, user, published):
    store(session, user, "a")
    session.commit()
    published(1)

    store(session, user, "a")
    session.commit()
    session.commit()

    _sentinel(session, user, published)


def test_the_driver_may_commit_too(session, user, published):
    store(session, user, "a", rows=1)
    newest = rev_of(session)
    raw = session.connection().connection.driver_connection
    raw.commit()
    # Nothing is begun; nothing is to be told.
    raw.commit()

    assert published(1) == [{"user": user.id, "rev": newest}]
    session.rollback()
    _sentinel(session, user, published)


def test_a_savepoint_counts_only_when_it_is_kept(session, user, published):
    store(session, user, "kept", rows=1)
    kept = rev_of(session)
    nested = session.begin_nested()
    store(session, user, "undone", rows=3)
    nested.rollback()
    with session.begin_nested():
        session.execute(text("SELECT 1"))
    session.commit()

    assert published(1) == [{"user": user.id, "rev": kept}]


def test_statements_past_sqlalchemy_count(session, user, published):
    raw = session.connection().connection.driver_connection
    raw.execute(
        "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) "
        "VALUES (%s, 'raw', 'x', 'daily', '2026-01-01', true)",
        [user.id],
    )
    newest = rev_of(session)
    session.commit()

    assert published(1) == [{"user": user.id, "rev": newest}]


def test_a_commit_that_fails_publishes_nothing(session, user, published):
    store(session, user, "a")
    raw = session.connection().connection.driver_connection
    raw.execute("CREATE TEMPORARY TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    raw.execute("INSERT INTO once VALUES (1), (1)")
    with pytest.raises(Exception, match="duplicate key"):
        session.commit()
    session.rollback()

    _sentinel(session, user, published)


def _sentinel(session, user, published) -> int:
    """Make a change and find it to be the only one published."""
    store(session, user, "sentinel", rows=1)
    newest = rev_of(session)
    session.commit()
    assert published(1) == [{"user": user.id, "rev": newest}]
    return newest
