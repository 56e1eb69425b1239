"""Registration: what is stored, what is answered, what is refused."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

VALID = {
    "email": "ada@example.com",
    "password": "correct horse battery staple",
    "name": "Ada",
    "device_name": "phone",
}


def test_a_new_account_is_logged_in(client):
    answer = client.post("/v1/accounts/register", json={**VALID, "email": "Ada@Example.COM"})

    assert answer.status_code == 201
    body = answer.get_json()
    assert body["user"]["email"] == "ada@example.com"
    assert body["user"]["role"] == "user"
    assert body["tokens"]["token_type"] == "Bearer"
    assert body["tokens"]["expires_in"] == 15 * 60
    headers = {"Authorization": f"Bearer {body['tokens']['access_token']}"}
    assert client.get("/v1/accounts/me", headers=headers).get_json() == body["user"]


def test_answers_hold_only_what_is_declared(client, register):
    account = register()

    user = client.get("/v1/accounts/me", headers=account.headers).get_json()
    devices = client.get("/v1/accounts/devices", headers=account.headers).get_json()

    assert set(user) == {
        "id",
        "email",
        "email_verified_at",
        "name",
        "role",
        "time_zone",
        "locale",
        "created_at",
    }
    assert set(devices["items"][0]) == {
        "id",
        "name",
        "user_agent",
        "created_at",
        "last_seen_at",
        "current",
        "last_sync_at",
        "last_sync_rev",
    }


def test_the_password_is_stored_peppered(register, owner_connection):
    account = register()

    stored = owner_connection.execute("SELECT password_hash FROM users").fetchone()[0]

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(stored, account.password)


def test_the_refresh_token_is_stored_hashed(register, owner_connection):
    token = register().tokens["refresh_token"].encode()
    row = owner_connection.execute("SELECT d::text, refresh_hash FROM devices d").fetchone()

    assert token.split(b".")[1] not in row[0].encode() + row[1]
    assert len(row[1]) == 32


def test_an_address_has_one_account(client, register):
    register("ada@example.com")

    answer = client.post("/v1/accounts/register", json={**VALID, "email": "ADA@example.com"})

    assert answer.status_code == 409
    assert answer.get_json()["type"] == "urn:fivebox:problem:conflict"


def test_of_two_registrations_at_once_one_gets_the_address(app, owner_connection):
    together = Barrier(2)

    def send(_number: int) -> int:
        client = app.test_client()
        together.wait(10)
        return client.post("/v1/accounts/register", json=VALID).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(send, range(2))) == [201, 409]
    assert owner_connection.execute("SELECT count(*) FROM users").fetchone()[0] == 1


def test_a_body_is_needed_and_documented(client):
    operation = client.get("/openapi.json").get_json()["paths"]["/v1/accounts/register"]["post"]

    assert operation["requestBody"]["required"] is True
    assert client.post("/v1/accounts/register").status_code == 400


def test_registration_can_be_turned_off(make_app):
    client = make_app(registration_enabled=False).test_client()

    assert client.post("/v1/accounts/register", json=VALID).status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ada"),
        ("email", "ada@localhost"),
        ("email", "a" * 250 + "@example.com"),
        ("email", None),
        ("password", "too short"),
        ("password", "x1y2z3" * 22),
        ("password", "ada@example.com"),
        ("password", "Password12"),
        ("password", "aaaaaaaaaabbb"),
        ("password", 1234567890123),
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 201),
        ("device_name", "x" * 201),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../etc/passwd"),
        ("locale", "german"),
        ("locale", "de_AT"),
        ("role", "admin"),
    ],
)
def test_the_faulty_field_is_named(client, field, value):
    answer = client.post("/v1/accounts/register", json={**VALID, field: value})

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert "correct horse" not in answer.text


@pytest.mark.parametrize("field", ["email", "password", "name"])
def test_a_missing_field_is_named(client, field):
    body = {key: value for key, value in VALID.items() if key != field}

    answer = client.post("/v1/accounts/register", json=body)

    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_spaces_around_a_password_belong_to_it(client, register, log_in):
    account = register(password="  ten letters  ")

    assert log_in(account).status_code == 200
    assert log_in(account, "ten letters").status_code == 401
