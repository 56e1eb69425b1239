"""The migrations themselves, on a database of their own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from apiflask import APIFlask
from flask_migrate import downgrade, upgrade
from sqlalchemy.exc import OperationalError

from app.audit.partitions import keep_partitions
from local.servers import EmbeddedServers
from tests.conftest import Account

TABLES = (
    "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)
FUNCTIONS = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"

REVISION = "SELECT version_num FROM alembic_version"
# As in migrations/env.py, which cannot be imported.
ADVISORY_LOCK = 5_105_000


def in_scratch(url: str) -> str:
    """The URL of the empty database, of that of the tests' own."""
    return url.replace("/fivebox?", "/scratch?")


@pytest.fixture
def empty_database(
    servers: EmbeddedServers, make_app: Callable[..., APIFlask]
) -> Iterator[tuple[APIFlask, psycopg.Connection]]:
    servers.create_database("scratch")
    url = in_scratch(servers.environment()["FIVEBOX_DATABASE_OWNER_URL"])
    with psycopg.connect(url, autocommit=True) as connection:
        yield make_app(database_owner_url=url), connection
    admin = servers.superuser_url
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE scratch WITH (FORCE)")


def test_down_and_up_again(empty_database: tuple[APIFlask, psycopg.Connection]) -> None:
    application, connection = empty_database

    def count(query: str) -> int:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    with application.app_context():
        upgrade()
        tables = count(TABLES)
        assert tables >= 5
        downgrade(revision="base")
        assert (count(TABLES), count(FUNCTIONS)) == (0, 0)
        upgrade()
        assert count(TABLES) == tables


def test_the_audit_log_has_partitions_from_the_start(
    empty_database: tuple[APIFlask, psycopg.Connection], servers: EmbeddedServers
) -> None:
    application, _connection = empty_database
    with application.app_context():
        upgrade()
    url = in_scratch(servers.superuser_url)
    with psycopg.connect(url) as superuser:
        superuser.execute(
            "INSERT INTO audit_events (actor, kind, outcome, occurred_at) "
            "SELECT 'nobody', 'test.made', 'failed', now() + interval '1 month' * n "
            "FROM generate_series(0, 3) n"
        )
        rows = superuser.execute("SELECT count(*) FROM audit_events_default").fetchone()
    assert rows == (0,)


def test_every_partition_of_the_audit_log_takes_longer_subjects(
    empty_database: tuple[APIFlask, psycopg.Connection], servers: EmbeddedServers
) -> None:
    application, _connection = empty_database
    owner_url = application.config["DATABASE_OWNER_URL"]
    url = in_scratch(servers.superuser_url)

    def append(length: int) -> None:
        """One event in each partition, also that of the command and that of no month."""
        with psycopg.connect(url) as superuser:
            superuser.execute(
                "INSERT INTO audit_events (actor, kind, outcome, occurred_at, subject_id) "
                "SELECT 'nobody', 'test.made', 'failed', now() + interval '1 month' * n, "
                "repeat('a', %s) FROM generate_series(0, 7) n",
                [length],
            )

    with application.app_context():
        upgrade(revision="0012")
        assert keep_partitions(owner_url, ahead=5, months=1).made == 2
        upgrade()
        append(100)
        downgrade(revision="0012")
        with pytest.raises(psycopg.errors.CheckViolation):
            append(81)
        append(80)
        upgrade()


def test_a_migration_gives_up_a_lock_that_it_does_not_get(
    empty_database: tuple[APIFlask, psycopg.Connection],
) -> None:
    application, connection = empty_database
    with application.app_context():
        upgrade(revision="0012")
        # Were it to wait for ever, the test would not.
        connection.execute("SET idle_in_transaction_session_timeout = '20s'")
        connection.execute("BEGIN; LOCK TABLE audit_events IN ACCESS SHARE MODE")
        # Requests queue behind who waits for a lock.
        with pytest.raises(OperationalError, match="lock timeout"):
            upgrade()
        connection.execute("ROLLBACK")
        assert connection.execute(REVISION).fetchone() == ("0012",)
        upgrade()
    assert connection.execute(REVISION).fetchone() != ("0012",)


def test_two_runs_migrate_one_after_the_other(
    empty_database: tuple[APIFlask, psycopg.Connection], wait_for_lock: Callable[..., None]
) -> None:
    application, connection = empty_database

    def run() -> None:
        with application.app_context():
            upgrade()

    connection.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        wait_for_lock()
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,)
        connection.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
        running.result()
    assert connection.execute(REVISION).fetchone() is not None


def test_hot_queries_use_their_indexes(
    register: Callable[..., Account], plan_of: Callable[..., str]
) -> None:
    user = register().id
    plans = {
        "user_habits_active": "SELECT * FROM user_habits WHERE user_id = %s AND active "
        "AND deleted_at IS NULL ORDER BY id LIMIT 20",
        "user_habits_feed": "SELECT * FROM user_habits WHERE user_id = %s AND rev > 5 "
        "ORDER BY rev, id LIMIT 100",
        "user_progress_feed": "SELECT * FROM user_progress WHERE user_id = %s AND rev > 5 "
        "ORDER BY rev, id LIMIT 100",
        "Index Only Scan using user_progress_by_date": "SELECT date, habit_id, completed, streak "
        "FROM user_progress WHERE user_id = %s AND date >= '2026-01-01' "
        "AND deleted_at IS NULL",
        "user_files_feed": "SELECT * FROM user_files WHERE user_id = %s AND rev > 5 "
        "ORDER BY rev, id LIMIT 100",
        "user_files_by_purpose": "SELECT * FROM user_files WHERE user_id = %s "
        "AND purpose = 'portrait' AND deleted_at IS NULL ORDER BY id LIMIT 20",
    }
    for index, query in plans.items():
        assert index in plan_of(query, user)
