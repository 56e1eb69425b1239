"""The commands: create-admin, seed, purge."""

import os
import re
import subprocess
import sys

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner
from psycopg.sql import SQL, Identifier

from app.settings import Environment

PASSWORD = "a long enough password"
ON_DELETE = """
CREATE FUNCTION on_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN OLD; END $$;
CREATE TRIGGER on_delete BEFORE DELETE ON user_habits
    FOR EACH ROW WHEN (OLD.name = 'stubborn') EXECUTE FUNCTION on_delete();
"""


@pytest.fixture
def run(app):
    """Run a command as `flask <words>` would."""

    def invoke(*words: str, stdin: str = "", runner: FlaskCliRunner | None = None) -> Result:
        return (runner or app.test_cli_runner()).invoke(args=list(words), input=stdin)

    return invoke


def log_in(client, email: str, password: str):
    return client.post("/v1/accounts/login", json={"email": email, "password": password})


def test_an_administrator_is_created(run, client):
    result = run("create-admin", "Root@Example.com", stdin=f"{PASSWORD}\n")

    assert result.exit_code == 0
    assert result.output == "root@example.com is an administrator.\n"
    answer = log_in(client, "root@example.com", PASSWORD)
    assert answer.get_json()["user"]["role"] == "admin"


@pytest.mark.parametrize(
    ("email", "password", "fault"),
    [
        ("root", PASSWORD, "email: "),
        ("root@example.com", "short", "password: "),
        ("root@example.com", "password123", "password: is easy to guess"),
        ("root@example.com", "", "password: "),
        ("taken@example.com", PASSWORD, "This address has an account"),
    ],
)
def test_a_faulty_administrator_is_refused_in_one_line(
    run, register, owner_connection, email, password, fault
):
    register("taken@example.com")

    result = run("create-admin", email, stdin=f"{password}\n")

    assert result.exit_code == 1
    assert fault in result.output
    assert result.output.count("\n") == 1
    assert not password or password not in result.output
    roles = owner_connection.execute("SELECT role FROM users").fetchall()
    assert roles == [("user",)]


def test_a_password_is_no_argument(run):
    assert run("create-admin", "root@example.com", PASSWORD).exit_code == 2


def test_seeding_makes_a_demo_account_and_an_administrator_once(run, make_app, client):
    runner = make_app(environment=Environment.DEVELOPMENT).test_cli_runner()

    first = run("seed", runner=runner)
    second = run("seed", runner=runner)

    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    passwords = dict(re.findall(r"log in as (\S+) with the password (\S+)", first.output))
    session = log_in(client, "demo@example.com", passwords["demo@example.com"]).get_json()
    assert session["user"]["role"] == "user"
    admin = log_in(client, "admin@example.com", passwords["admin@example.com"]).get_json()
    assert admin["user"]["role"] == "admin"
    headers = {"Authorization": f"Bearer {session['tokens']['access_token']}"}
    assert len(client.get("/v1/habits", headers=headers).get_json()["items"]) == 3
    assert second.output == (
        "demo@example.com is there already.\nadmin@example.com is there already.\n"
    )


def demo_headers(client, told: str) -> dict[str, str]:
    """Log in to the demo account, by what seeding told of it."""
    (password,) = re.findall(r"demo@example.com with the password (\S+)", told)
    tokens = log_in(client, "demo@example.com", password).get_json()["tokens"]
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def test_seeding_again_brings_the_examples_of_a_product_that_came_since(run, make_app, client):
    before = make_app(environment=Environment.DEVELOPMENT, products=("habits",))
    first = run("seed", runner=before.test_cli_runner())
    headers = demo_headers(client, first.output)
    assert client.delete("/v1/habits/run", headers=headers).status_code == 204

    since = make_app(environment=Environment.DEVELOPMENT, products=("habits", "timers"))
    second = run("seed", runner=since.test_cli_runner())

    assert "demo@example.com has got example rows of timers.\n" in second.output
    assert "is in;" not in second.output
    assert len(client.get("/v1/timers", headers=headers).get_json()["items"]) == 4
    habits = client.get("/v1/habits", headers=headers).get_json()["items"]
    assert [habit["id"] for habit in habits] == ["cook", "read"]


def test_examples_that_were_all_deleted_stay_so(run, make_app, client):
    runner = make_app(environment=Environment.DEVELOPMENT, products=("reviews",)).test_cli_runner()
    first = run("seed", runner=runner)
    headers = demo_headers(client, first.output)
    for review in client.get("/v1/reviews", headers=headers).get_json()["items"]:
        path = f"/v1/reviews/{review['id']}"
        assert client.delete(path, headers=headers).status_code == 204

    assert "example rows" not in run("seed", runner=runner).output
    assert client.get("/v1/reviews", headers=headers).get_json()["items"] == []


@pytest.mark.parametrize("kind", [Environment.PRODUCTION, Environment.STAGING])
def test_elsewhere_nothing_is_seeded(run, make_app, settings, owner_connection, kind):
    url = str(settings.database_url).replace("fivebox_app@", f"fivebox_app:{'x' * 16}@")
    app = make_app(environment=kind, database_url=url, public_url="https://api.example.com")
    runner = app.test_cli_runner()

    assert run("seed", runner=runner).output.startswith("Nothing to seed")
    assert owner_connection.execute("SELECT count(*) FROM users").fetchone()[0] == 0


def test_without_any_settings_one_line_tells_what_to_do(project):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FIVEBOX_")}

    done = subprocess.run(
        [sys.executable, "-m", "flask", "create-admin", "--help"],
        env=bare,
        cwd=project,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert 'make flask ARGS="create-admin --help"' in done.stderr


def test_purging_removes_old_tombstones_and_raises_the_floor(run, register, owner_connection):
    ada, eve = register(), register()
    for account in (ada, eve):
        for habit in ("kept", "recent", "old"):
            created = account.client.post(
                "/v1/habits",
                json={"id": habit, "name": habit, "start_date": "2026-01-01"},
                headers=account.headers,
            )
            assert created.status_code == 201, created.text
    owner_connection.execute(
        "UPDATE user_habits SET deleted_at = now() - interval '399 days' WHERE id = 'recent'"
    )
    (removed_rev,) = owner_connection.execute(
        "UPDATE user_habits SET deleted_at = now() - interval '401 days' "
        "WHERE id = 'old' AND user_id = %s RETURNING rev",
        [ada.id],
    ).fetchone()

    result = run("purge")

    assert result.exit_code == 0
    assert result.output == "Removed 1 rows, 0 devices and 0 sync sessions.\n"
    left = owner_connection.execute("SELECT id FROM user_habits WHERE user_id = %s", [ada.id])
    assert {row[0] for row in left} == {"kept", "recent"}
    floors = dict(owner_connection.execute("SELECT user_id::text, purge_floor FROM sync_state"))
    assert floors == {ada.id: removed_rev, eve.id: 0}
    assert run("purge").output == "Removed 0 rows, 0 devices and 0 sync sessions.\n"
    assert owner_connection.execute(
        "SELECT purge_floor FROM sync_state WHERE user_id = %s", [ada.id]
    ).fetchone() == (removed_rev,)


def test_purging_keeps_what_a_young_tombstone_refers_to(run, register, owner_connection):
    """Else the foreign key takes the tombstone along, and a device keeps its row for ever."""
    account = register()
    habit = {"id": "old", "name": "old", "start_date": "2026-01-01"}
    account.client.post("/v1/habits", json=habit, headers=account.headers)
    owner_connection.execute(
        "INSERT INTO user_progress (user_id, id, habit_id, date, completed, deleted_at) "
        "VALUES (%s, 'young', 'old', '2026-01-02', true, now())",
        [account.id],
    )
    owner_connection.execute("UPDATE user_habits SET deleted_at = now() - interval '401 days'")

    assert run("purge").output == "Removed 0 rows, 0 devices and 0 sync sessions.\n"

    assert owner_connection.execute("SELECT id FROM user_progress").fetchall() == [("young",)]
    last = owner_connection.execute(
        "UPDATE user_progress SET deleted_at = now() - interval '401 days' RETURNING rev"
    ).fetchone()
    assert run("purge").output == "Removed 2 rows, 0 devices and 0 sync sessions.\n"
    assert owner_connection.execute("SELECT purge_floor FROM sync_state").fetchone() == last


@pytest.fixture
def old_habit(register, owner_connection):
    """Make a user with a habit that was deleted long ago, and tell the user's id."""

    def make(name: str) -> str:
        account = register()
        habit = {"id": "old", "name": name, "start_date": "2026-01-01"}
        account.client.post("/v1/habits", json=habit, headers=account.headers)
        owner_connection.execute(
            "UPDATE user_habits SET deleted_at = now() - interval '401 days' WHERE user_id = %s",
            [account.id],
        )
        return account.id

    return make


@pytest.fixture
def on_delete(owner_connection):
    """What the database does when a habit called "stubborn" is deleted."""
    yield lambda act: owner_connection.execute(ON_DELETE.format(act))
    owner_connection.execute("DROP FUNCTION on_delete CASCADE")


def test_a_user_whose_rows_cannot_be_purged_keeps_no_other(
    run, old_habit, on_delete, owner_connection, lines
):
    before, stubborn, after = old_habit("old"), old_habit("stubborn"), old_habit("old")
    on_delete("RAISE EXCEPTION 'no';")

    result = run("purge")

    assert result.exit_code == 1
    assert "Removed 2 rows, 0 devices and 0 sync sessions.\n" in result.output
    assert "The rows of 1 users could not be purged; the log tells why." in result.output
    left = owner_connection.execute("SELECT user_id::text FROM user_habits").fetchall()
    assert left == [(stubborn,)]
    floors = dict(owner_connection.execute("SELECT user_id::text, purge_floor FROM sync_state"))
    assert floors[stubborn] == 0
    assert min(floors[before], floors[after]) > 0
    told = [line for line in lines() if line["event"] == "purge of rows failed"]
    assert [line["user_id"] for line in told] == [stubborn]


def test_purging_takes_longer_than_a_request_may(run, make_app, old_habit, on_delete):
    old_habit("stubborn")
    on_delete("PERFORM pg_sleep(1.5);")
    runner = make_app(database_timeout_ms=1000).test_cli_runner()

    result = run("purge", runner=runner)

    assert result.output == "Removed 1 rows, 0 devices and 0 sync sessions.\n"


@pytest.mark.parametrize(
    ("column", "days", "removed"),
    [
        ("revoked_at", 91, 1),
        ("revoked_at", 89, 0),
        ("expires_at", 91, 1),
        ("expires_at", 89, 0),
        ("last_seen_at", 91, 0),
    ],
)
def test_purging_removes_devices_that_ended_long_ago(
    run, register, owner_connection, column, days, removed
):
    register()
    owner_connection.execute(
        SQL("UPDATE devices SET {} = now() - interval '1 day' * %s").format(Identifier(column)),
        [days],
    )

    assert run("purge").output == f"Removed 0 rows, {removed} devices and 0 sync sessions.\n"
    assert owner_connection.execute("SELECT count(*) FROM devices").fetchone()[0] == 1 - removed


def test_purging_takes_no_age_below_a_day(run):
    assert run("purge", "--days", "0").exit_code == 2


def test_the_nightly_command_does_everything(run):
    result = run("nightly")

    assert result.exit_code == 0, result.output
    assert "Removed 0 rows" in result.output
    assert "Removed 0 accounts" in result.output
    assert "Counted the ratings of 0 books" in result.output


def test_nothing_is_done_for_a_product_that_is_not_served(make_app):
    result = make_app(products=("habits",)).test_cli_runner().invoke(args=["nightly"])

    assert result.exit_code == 0, result.output
    assert "ratings" not in result.output


def test_a_nightly_job_that_fails_does_not_stop_the_others(run, monkeypatch):
    from app.database import purge

    monkeypatch.setattr(purge, "purge", lambda days: 1 / 0)
    result = run("nightly")

    assert result.exit_code == 1
    assert "Failed: purge; the log tells why" in result.output
    assert "Removed 0 accounts" in result.output
