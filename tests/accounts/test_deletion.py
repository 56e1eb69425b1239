"""Deleting an account: locked at once, restored by a command, removed after the grace period."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.accounts import hooks
from app.audit.models import AuditEvent

DELETING = "urn:fivebox:problem:account-deleting"


@pytest.fixture
def delete(client):
    def send(account, password: str | None = None):
        return client.delete(
            "/v1/accounts/me",
            json={"password": password or account.password},
            headers=account.headers,
        )

    return send


@pytest.fixture
def run(app):
    def invoke(*words: str):
        return app.test_cli_runner().invoke(args=["accounts", *words])

    return invoke


@pytest.fixture
def age(owner_connection):
    """Let deletions have been requested so many days ago."""

    def set_back(days: int) -> None:
        owner_connection.execute(
            "UPDATE users SET deletion_requested_at = now() - interval '1 day' * %s "
            "WHERE deletion_requested_at IS NOT NULL",
            [days],
        )

    return set_back


@pytest.fixture
def full(register, client):
    """An account with rows in every table of habits."""

    def make():
        account = register()
        habit = {"id": "run", "name": "Run", "start_date": "2026-01-01"}
        client.post("/v1/habits", json=habit, headers=account.headers)
        client.put(
            "/v1/habits/run/progress/2026-01-01", json={"completed": True}, headers=account.headers
        )
        return account

    return make


def problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["type"]


def test_the_account_is_locked_at_once(register, log_in, refresh, delete, settings):
    account = register()
    tablet = log_in(account).get_json()["tokens"]

    answer = delete(account)

    assert answer.status_code == 202
    wanted = datetime.now(UTC) + timedelta(days=settings.deletion_days)
    told = datetime.fromisoformat(answer.get_json()["purged_after"])
    assert abs(told - wanted) < timedelta(minutes=1)
    for tokens in (account.tokens, tablet):
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        shown = account.client.get("/v1/accounts/me", headers=headers)
        assert problem(shown) == (401, DELETING)
        assert problem(refresh(tokens["refresh_token"])) == (401, DELETING)
    assert problem(log_in(account)) == (401, DELETING)


def test_a_guess_does_not_learn_of_the_deletion(register, log_in, delete):
    account = register()
    delete(account)

    answer = log_in(account, "wrong horse battery staple")

    assert problem(answer) == (401, "urn:fivebox:problem:unauthorized")


def test_the_password_is_needed(register, delete, client):
    account = register()

    answer = delete(account, "wrong horse battery staple")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["password"]
    assert client.get("/v1/accounts/me", headers=account.headers).status_code == 200


def test_a_body_of_another_type_is_refused(register, client):
    account = register()

    answer = client.delete(
        "/v1/accounts/me",
        data='{"password": "x"}',
        headers={**account.headers, "Content-Type": "text/plain"},
    )

    assert answer.status_code == 415


def test_guesses_of_the_password_are_limited(make_app, register):
    account = register()
    client = make_app(rate_limits_enabled=True).test_client()

    def guess() -> int:
        return client.delete(
            "/v1/accounts/me", json={"password": "wrong"}, headers=account.headers
        ).status_code

    assert [guess() for _ in range(6)] == [422] * 5 + [429]


def test_others_are_untouched(full, delete, client, run, age):
    account, other = full(), full()
    delete(account)
    age(15)
    run("purge")

    assert client.get("/v1/accounts/me", headers=other.headers).status_code == 200
    assert len(client.get("/v1/habits", headers=other.headers).get_json()["items"]) == 1


def test_a_log_in_at_the_same_time_leaves_no_device(
    register, log_in, delete, owner_connection, wait_for_lock
):
    account = register()

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("SELECT FROM users FOR UPDATE")
            late = pool.submit(log_in, account)
            wait_for_lock()
            owner_connection.execute("UPDATE users SET deletion_requested_at = now()")
        answer = late.result()

    assert problem(answer) == (401, DELETING)
    assert owner_connection.execute("SELECT count(*) FROM devices").fetchone() == (1,)


def test_of_two_deletions_at_once_the_later_is_told(
    register, delete, owner_connection, wait_for_lock
):
    account = register()

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("SELECT FROM users FOR UPDATE")
            late = pool.submit(delete, account)
            wait_for_lock()
            owner_connection.execute("UPDATE users SET deletion_requested_at = now()")
        answer = late.result()

    assert answer.status_code == 409


def test_a_deletion_is_told_in_the_log(register, delete, owner_connection, run, age, admin):
    account = register()
    delete(account, "wrong horse battery staple")
    delete(account)
    run("restore", account.email)

    events = admin.client.get(
        f"/v1/admin/audit?user_id={account.id}", headers=admin.headers
    ).get_json()["items"][::-1]

    assert [(e["kind"], e["outcome"], e["actor"]) for e in events] == [
        ("account.registered", "succeeded", "user"),
        ("account.password_refused", "failed", "user"),
        ("account.deletion_requested", "succeeded", "user"),
        ("account.devices_revoked", "succeeded", "user"),
        ("account.restored", "succeeded", "command"),
    ]


def test_restored_within_the_grace_period_nothing_is_missing(full, delete, run, log_in, client):
    account = full()
    delete(account)

    result = run("restore", account.email.upper())

    assert result.exit_code == 0, result.output
    session = log_in(account)
    assert session.status_code == 200
    headers = {"Authorization": f"Bearer {session.get_json()['tokens']['access_token']}"}
    assert len(client.get("/v1/habits", headers=headers).get_json()["items"]) == 1
    # Devices stay logged out.
    old = client.get("/v1/accounts/me", headers=account.headers)
    assert problem(old) == (401, "urn:fivebox:problem:unauthorized")


@pytest.mark.parametrize("email", ["nobody@example.com", "user1@example.com"])
def test_only_a_deleted_account_is_restored(register, run, email):
    register()

    result = run("restore", email)

    assert result.exit_code == 1
    assert "No account of this address waits for its deletion." in result.output


def owners(connection) -> dict[str, set[str]]:
    """The users that each table with a column user_id has rows of."""
    tables = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition "
        "AND c.relnamespace = 'public'::regnamespace "
        "AND a.attname = 'user_id' AND NOT a.attisdropped"
    ).fetchall()
    return {
        name: {str(row[0]) for row in connection.execute(f"SELECT user_id FROM {name}")}  # noqa: S608
        for (name,) in tables
    }


def test_after_the_grace_period_every_row_is_removed(full, delete, run, age, owner_connection):
    account = full()
    before = owners(owner_connection)
    delete(account)
    age(15)

    result = run("purge")

    assert result.output == "Removed 1 accounts.\n"
    assert before["user_progress"] == before["sync_state"] == {account.id}
    after = owners(owner_connection)
    assert {name for name, users in after.items() if account.id in users} == {
        AuditEvent.__tablename__
    }
    assert owner_connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
    rows = owner_connection.execute("SELECT audit_events::text FROM audit_events").fetchall()
    assert rows
    assert account.email not in str(rows)


def test_no_mail_to_the_address_is_left(sign_up, mailing, delete, run, age, owner_connection):
    account, other = sign_up(), sign_up("eve@example.com")
    for email in (account.email, other.email):
        asked = mailing.test_client().post(
            "/v1/accounts/reset-password/request", json={"email": email}
        )
        assert asked.status_code == 202
    delete(account)
    age(15)

    assert run("purge").output == "Removed 1 accounts.\n"

    left = owner_connection.execute("SELECT recipient, template FROM mails").fetchall()
    assert set(left) == {(other.email, "verify-address"), (other.email, "reset-password")}


def test_within_the_grace_period_nothing_is_removed(full, delete, run, age, owner_connection):
    delete(full())
    age(13)

    assert run("purge").output == "Removed 0 accounts.\n"
    assert owner_connection.execute("SELECT count(*) FROM user_habits").fetchone() == (1,)


def test_the_address_is_free_only_after_the_purge(register, delete, run, age, client):
    account = register("ada@example.com")
    again = {"email": account.email, "password": account.password, "name": "Ada"}
    delete(account)
    during = client.post("/v1/accounts/register", json=again)
    age(15)
    run("purge")

    assert during.status_code == 409
    assert client.post("/v1/accounts/register", json=again).status_code == 201


@pytest.fixture
def purger():
    """What another package does when an account goes."""
    calls = []

    @hooks.on_purge
    def collect(user_id):
        calls.append(("in the transaction", str(user_id)))
        return lambda: calls.append(("after the commit", str(user_id)))

    yield calls
    hooks.purgers.remove(collect)


def test_other_packages_remove_what_they_keep(register, delete, run, age, purger):
    account = register()
    delete(account)
    age(15)
    run("purge")

    assert purger == [("in the transaction", account.id), ("after the commit", account.id)]


def test_one_that_fails_keeps_no_other(register, delete, run, age, owner_connection, purger):
    first, second = register(), register()
    for account in (first, second):
        delete(account)
    age(15)

    @hooks.on_purge
    def fail(user_id):
        if str(user_id) == first.id:
            raise OSError("the storage is gone")
        return lambda: None

    try:
        result = run("purge")
    finally:
        hooks.purgers.remove(fail)

    assert result.exit_code == 1
    assert "Removed 1 accounts." in result.output
    assert "1 accounts could not be removed" in result.output
    left = owner_connection.execute("SELECT id::text FROM users").fetchall()
    assert left == [(first.id,)]
    assert ("after the commit", first.id) not in purger
    assert run("purge").output == "Removed 1 accounts.\n"


def test_a_restore_in_the_last_moment_wins(full, delete, run, age, owner_connection, wait_for_lock):
    account = full()
    delete(account)
    age(15)

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("SELECT FROM users FOR UPDATE")
            purging = pool.submit(run, "purge")
            wait_for_lock()
            owner_connection.execute("UPDATE users SET deletion_requested_at = NULL")
        result = purging.result()

    assert result.output == "Removed 0 accounts.\n"
    assert owners(owner_connection)["user_habits"] == {account.id}
