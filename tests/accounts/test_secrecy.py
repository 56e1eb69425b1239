"""No password, token or hash reaches a log line or an answer."""

import hashlib

import pytest

PASSWORD = "Zq8-rather-unlikely-words"
OTHER = "Zq9-as-unlikely-other-words"


@pytest.fixture
def secrets_of(owner_connection, settings):
    """Everything secret of an account, in each form it has."""

    def find(account) -> list[str]:
        stored = owner_connection.execute("SELECT password_hash FROM users").fetchall()
        digests = owner_connection.execute("SELECT refresh_hash FROM devices").fetchall()
        refresh_token = account.tokens["refresh_token"]
        return [
            account.password,
            account.email,
            account.tokens["access_token"],
            account.tokens["access_token"].split(".")[2],
            refresh_token,
            refresh_token.split(".")[1],
            hashlib.sha256(refresh_token.encode()).hexdigest(),
            settings.jwt_secret.get_secret_value(),
            settings.password_pepper.get_secret_value(),
            *(row[0] for row in stored),
            *(row[0].hex() for row in digests),
        ]

    return find


def test_no_log_line_holds_a_secret(register, log_in, refresh, log_lines, secrets_of):
    account = register("very.private@example.com", PASSWORD)
    client, headers = account.client, account.headers
    log_in(account)
    log_in(account, OTHER)
    client.get(f"/v1/accounts/me?access_token={account.tokens['access_token']}")
    client.get("/v1/accounts/me", headers={**headers, "Cookie": f"session={PASSWORD}"})
    client.post("/v1/accounts/login", json={"email": account.email, "password": [PASSWORD]})
    client.post("/v1/accounts/login", data=f'{{"password": "{PASSWORD}"', headers=headers)
    client.post(
        "/v1/accounts/me/password",
        json={"current_password": OTHER, "new_password": PASSWORD},
        headers=headers,
    )
    refresh(account.tokens["refresh_token"])
    refresh(account.tokens["refresh_token"] + "x")
    client.get("/v1/accounts/devices", headers=headers)
    client.post("/v1/accounts/logout-everywhere", headers=headers)

    lines = log_lines()

    assert any("account registered" in line for line in lines)
    assert any("log-in failed" in line and account.id in line for line in lines)
    for secret in [*secrets_of(account), OTHER]:
        assert [line for line in lines if secret in line] == []


@pytest.mark.parametrize("table", ["users", "devices"])
def test_a_fault_of_the_database_shows_no_value(client, log_lines, owner_connection, table):
    owner_connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT no CHECK (false) NOT VALID")
    try:
        answer = client.post(
            "/v1/accounts/register",
            json={
                "email": "very.private@example.com",
                "password": PASSWORD,
                "name": "Eve",
                "device_name": "Eve's phone",
            },
        )
    finally:
        owner_connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT no")

    assert answer.status_code == 500
    assert table not in answer.text
    (fault,) = [line for line in log_lines() if "unhandled error" in line]
    for value in (PASSWORD, "very.private", "$argon2id", "Eve's phone"):
        assert value not in fault


def test_no_answer_holds_the_hash(register, owner_connection):
    account = register()
    stored = owner_connection.execute("SELECT password_hash FROM users").fetchone()[0]

    for answer in (
        account.client.get("/v1/accounts/me", headers=account.headers),
        account.client.patch("/v1/accounts/me", json={"name": "A"}, headers=account.headers),
        account.client.get("/v1/accounts/devices", headers=account.headers),
    ):
        assert answer.status_code == 200
        assert "hash" not in answer.text
        assert stored not in answer.text
