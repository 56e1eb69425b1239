"""Which acts are recorded, with what, and that neither is there without the other."""

import json

import bcrypt
import pytest

from tests.conftest import PASSWORD

NEW = "a new and better password"


@pytest.fixture
def post(client):
    def send(path: str, account=None, **body: str):
        headers = account.headers if account else {}
        return client.post(f"/v1/accounts{path}", json=body, headers=headers)

    return send


@pytest.fixture
def stored(owner_connection):
    """The events in the table, the oldest first, with what the API does not show."""

    def read(kind: str) -> list[dict]:
        cursor = owner_connection.execute(
            "SELECT * FROM audit_events WHERE kind = %s ORDER BY occurred_at", [kind]
        )
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return read


def kinds(events) -> list[tuple[str, str]]:
    return [(event["kind"], event["outcome"]) for event in events]


def test_a_life_of_an_account_is_told(register, post, events_of):
    account = register()
    post("/login", email=account.email, password="wrong horse battery staple")
    tablet = post("/login", email=account.email, password=PASSWORD).get_json()["tokens"]
    post("/me/password", account, current_password="wrong password", new_password=NEW)
    post("/me/password", account, current_password=PASSWORD, new_password=NEW)

    events = events_of(account)

    assert kinds(events) == [
        ("account.registered", "succeeded"),
        ("account.login", "failed"),
        ("account.login", "succeeded"),
        ("account.password_refused", "failed"),
        ("account.password_changed", "succeeded"),
        ("account.devices_revoked", "succeeded"),
    ]
    assert events[2]["subject_table"] == "devices"
    assert events[2]["subject_id"] == tablet["device_id"]
    assert events[4]["device_id"] == account.tokens["device_id"]
    assert events[5]["details"] == {"reason": "password changed", "count": 1}


def test_logging_out_and_revoking_name_the_device(register, post, events_of, client):
    account = register()
    ids = []
    for path in ("/logout", ""):
        tokens = post("/login", email=account.email, password=PASSWORD).get_json()["tokens"]
        ids.append(tokens["device_id"])
        if path:
            client.post(
                f"/v1/accounts{path}",
                headers={"Authorization": f"Bearer {tokens['access_token']}"},
            )
        else:
            client.delete(f"/v1/accounts/devices/{ids[-1]}", headers=account.headers)

    events = events_of(account, kind="account.devices_revoked")

    assert [event["subject_id"] for event in events] == ids
    assert [event["details"]["reason"] for event in events] == ["logged out", "revoked"]


def test_revoking_what_is_gone_is_no_event(register, events_of, client):
    account = register()

    client.delete(
        "/v1/accounts/devices/7f3b7d1e-52f4-4c43-8a3a-111111111111", headers=account.headers
    )

    assert events_of(account, kind="account.devices_revoked") == []


def test_a_reused_refresh_token_is_told(register, post, events_of, owner_connection):
    account = register()
    first = account.tokens["refresh_token"]
    post("/refresh", refresh_token=first)
    owner_connection.execute("UPDATE devices SET rotated_at = now() - interval '1 minute'")
    post("/refresh", refresh_token=first)
    account.tokens = post("/login", email=account.email, password=PASSWORD).get_json()["tokens"]

    (event,) = events_of(account, kind="account.token_reused")

    assert event["outcome"] == "refused"
    assert event["subject_table"] == "devices"


def test_a_guess_at_an_unknown_address_is_nobodys(post, stored):
    post("/login", email="nobody@example.com", password=PASSWORD)

    (event,) = stored("account.login")

    assert (event["user_id"], event["actor"], event["outcome"]) == (None, "nobody", "failed")
    assert "nobody@example.com" not in str(event)


def test_what_a_role_does_not_allow_is_recorded(register, client, events_of):
    account = register()

    client.get("/v1/admin/flags", headers=account.headers)

    (event,) = events_of(account, kind="access.refused")
    assert event["outcome"] == "refused"
    assert event["details"] == {"route": "GET /v1/admin/flags"}


def test_an_administrator_made_by_a_command_is_recorded(app, stored):
    app.test_cli_runner().invoke(args=["create-admin", "root@example.com"], input=f"{PASSWORD}\n")

    (event,) = stored("account.created")

    assert event["actor"] == "command"
    assert event["details"] == {"role": "admin"}
    assert event["request_id"] is event["client_network"] is None


def test_imported_accounts_are_recorded(app, stored, tmp_path):
    hashed = bcrypt.hashpw(b"a password", bcrypt.gensalt(4)).decode()
    file = tmp_path / "accounts.jsonl"
    people = {"root@example.com": "admin", "ada@example.com": "user"}
    lines = [
        json.dumps({"email": email, "name": "A", "role": role, "password_hash": hashed})
        for email, role in people.items()
    ]
    file.write_text("\n".join(lines))
    for _ in range(2):
        app.test_cli_runner().invoke(args=["accounts", "import", str(file)])

    events = stored("account.created")

    assert [event["actor"] for event in events] == ["command", "command"]
    assert sorted(event["details"]["role"] for event in events) == ["admin", "user"]


def test_a_changed_profile_is_told_without_what_it_says(register, client, events_of):
    account = register()
    body = {"name": "Ada Lovelace", "locale": "de"}
    client.patch("/v1/accounts/me", json=body, headers=account.headers)

    event = events_of(account)[-1]

    assert (event["kind"], event["outcome"]) == ("account.profile_changed", "succeeded")
    assert event["details"] == {"fields": ["locale", "name"]}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", None),
    ],
)
def test_of_the_address_the_network_is_kept(client, stored, address, network):
    client.post(
        "/v1/accounts/login",
        json={"email": "nobody@example.com", "password": PASSWORD},
        headers={"X-Request-ID": "request-12345"},
        environ_overrides={"REMOTE_ADDR": address},
    )

    (event,) = stored("account.login")

    assert event["client_network"] == network
    assert event["request_id"] == "request-12345"


def test_nothing_private_is_in_an_event(register, post, owner_connection, client):
    account = register("very.private@example.com")
    habit = {"id": "h", "name": "Secret name", "description": "Secret", "start_date": "2026-01-01"}
    client.post("/v1/habits", json=habit, headers=account.headers)
    client.patch("/v1/accounts/me", json={"name": "Secret"}, headers=account.headers)
    post("/login", email=account.email, password=PASSWORD, device_name="Secret phone")

    rows = owner_connection.execute("SELECT audit_events::text FROM audit_events").fetchall()

    text = str(rows)
    assert len(rows) == 4
    for value in ("very.private", "Secret", PASSWORD, account.tokens["refresh_token"]):
        assert value not in text


def test_without_its_event_an_act_does_not_happen(register, post, owner_connection, client):
    account = register()
    owner_connection.execute("ALTER TABLE audit_events ADD CONSTRAINT no CHECK (false) NOT VALID")
    try:
        registered = post("/register", email="new@example.com", password=PASSWORD, name="Eve")
        logged_out = post("/logout-everywhere", account)
        written = client.post(
            "/v1/habits", json={"name": "Run", "start_date": "2026-01-01"}, headers=account.headers
        )
    finally:
        owner_connection.execute("ALTER TABLE audit_events DROP CONSTRAINT no")

    assert [a.status_code for a in (registered, logged_out, written)] == [500, 500, 500]
    assert owner_connection.execute("SELECT count(*) FROM users").fetchone() == (1,)
    assert owner_connection.execute("SELECT count(*) FROM user_habits").fetchone() == (0,)
    assert client.get("/v1/accounts/me", headers=account.headers).status_code == 200
