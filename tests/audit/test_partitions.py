"""flask audit partitions: months ahead are made, what came before is moved, old months go."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest

from app.audit.partitions import Month

INSERT = (
    "INSERT INTO audit_events (occurred_at, actor, kind, outcome) "
    "VALUES (%s, 'nobody', 'test.old', 'failed')"
)


@pytest.fixture
def present() -> Month:
    return Month.of(datetime.now(UTC))


@pytest.fixture(autouse=True)
def without_partitions(owner_connection):
    """Each test begins without the months' partitions; those it makes go with it."""
    for name in partitions(owner_connection):
        owner_connection.execute(f"DROP TABLE {name}")
    yield
    for name in partitions(owner_connection):
        owner_connection.execute(f"DROP TABLE {name}")


@pytest.fixture
def run(make_app):
    def invoke(*words: str, **changes):
        runner = make_app(**changes).test_cli_runner()
        return runner.invoke(args=["audit", "partitions", *words])

    return invoke


def partitions(connection) -> list[str]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits "
        "WHERE inhparent = 'audit_events'::regclass ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows if name != "audit_events_default"]


def placed(connection) -> list[str]:
    rows = connection.execute(
        "SELECT tableoid::regclass::text FROM audit_events ORDER BY occurred_at"
    ).fetchall()
    return [name for (name,) in rows]


def test_months_are_reckoned_over_the_year():
    december = Month(2026, 12)

    assert december.plus(1) == Month(2027, 1)
    assert december.plus(-12) == Month(2025, 12)
    assert december.begin == datetime(2026, 12, 1, tzinfo=UTC)
    assert Month.of(datetime.fromisoformat("2027-01-01T00:30:00+01:00")) == december


def test_partitions_are_made_ahead_and_once(run, owner_connection, present):
    first, second = run(), run()

    assert first.output == "Made 4 partitions, moved 0 events, dropped 0.\n"
    assert second.output == "Made 0 partitions, moved 0 events, dropped 0.\n"
    assert partitions(owner_connection) == [present.plus(n).partition for n in range(4)]


def test_without_the_command_nothing_is_lost(register, run, owner_connection, present):
    account = register()
    early = present.plus(-2)
    owner_connection.execute(INSERT, [early.begin])
    assert placed(owner_connection) == ["audit_events_default"] * 2

    result = run("--ahead", "1")

    assert result.output == "Made 4 partitions, moved 2 events, dropped 0.\n"
    assert placed(owner_connection) == [early.partition, present.partition]
    shown = account.client.get("/v1/audit", headers=account.headers).get_json()["items"]
    assert [event["kind"] for event in shown] == ["account.registered"]


def test_new_events_go_into_their_month(register, run, owner_connection, present):
    run()
    register()

    assert placed(owner_connection) == [present.partition]


def test_old_months_are_dropped_and_young_ones_kept(run, owner_connection, present):
    kept, old, older = present.plus(-2), present.plus(-3), present.plus(-5)
    for month in (kept, old, older):
        owner_connection.execute(INSERT, [month.begin])
    run(audit_months=12)
    assert len(placed(owner_connection)) == 3

    result = run(audit_months=2)

    assert result.output.endswith("dropped 3.\n")
    assert placed(owner_connection) == [kept.partition]


def test_old_events_that_never_had_a_partition_go_too(run, owner_connection, present):
    owner_connection.execute(INSERT, [present.plus(-3).begin])

    run(audit_months=2)

    assert placed(owner_connection) == []


def test_every_partition_is_closed_to_the_app(run, owner_connection):
    run()

    rows = owner_connection.execute(
        "SELECT has_table_privilege('fivebox_app', inhrelid, 'SELECT, INSERT, UPDATE, DELETE'), "
        "relrowsecurity AND relforcerowsecurity FROM pg_inherits JOIN pg_class ON oid = inhrelid "
        "WHERE inhparent = 'audit_events'::regclass"
    ).fetchall()
    assert set(rows) == {(False, True)}


def test_two_hosts_at_once_make_each_partition_once(make_app, owner_connection):
    apps = [make_app(), make_app()]

    with ThreadPoolExecutor(2) as pool:
        results = list(
            pool.map(lambda a: a.test_cli_runner().invoke(args=["audit", "partitions"]), apps)
        )

    assert [result.exit_code for result in results] == [0, 0]
    assert len(partitions(owner_connection)) == 4


def test_events_recorded_meanwhile_are_not_lost(register, run, owner_connection, servers, present):
    with psycopg.connect(servers.superuser_url) as writer, ThreadPoolExecutor(1) as pool:
        writer.execute(INSERT, [datetime.now(UTC)])
        running = pool.submit(run)
        # The command waits for the writer, whose event is then moved.
        owner_connection.execute("SET statement_timeout = '10s'")
        owner_connection.execute(
            "DO $$ BEGIN LOOP PERFORM pg_stat_clear_snapshot(); EXIT WHEN EXISTS (SELECT FROM "
            "pg_stat_activity WHERE usename = 'fivebox_owner' AND wait_event_type = 'Lock'); "
            "PERFORM pg_sleep(0.01); END LOOP; END $$"
        )
        writer.commit()
        result = running.result(timeout=10)

    assert result.output == "Made 4 partitions, moved 1 events, dropped 0.\n"
    assert placed(owner_connection) == [present.partition]


def test_it_needs_the_owner(run):
    result = run(database_owner_url=None)

    assert result.exit_code == 1
    assert "FIVEBOX_DATABASE_OWNER_URL" in result.output
