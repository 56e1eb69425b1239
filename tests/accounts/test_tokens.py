"""Access tokens: what makes one valid, and the roles that they open."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from app.accounts.authentication import auth, current_user


@pytest.fixture
def claims(settings, register) -> dict:
    token = register().tokens["access_token"]
    return jwt.decode(token, options={"verify_signature": False})


@pytest.fixture
def me(client, settings):
    """Ask for the profile with a token of these claims."""

    def ask(claims: dict, key: str | None = None, algorithm: str = "HS256") -> int:
        key = settings.jwt_secret.get_secret_value() if key is None else key
        token = jwt.encode(claims, key, algorithm)
        headers = {"Authorization": f"Bearer {token}"}
        return client.get("/v1/accounts/me", headers=headers).status_code

    return ask


def test_an_access_token_names_issuer_audience_user_and_device(claims, settings, me):
    assert claims["iss"] == settings.public_url
    assert claims["aud"] == "fivebox-api"
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert {"sub", "sid", "jti"} <= set(claims)
    assert me(claims) == 200


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-api"},
        {"exp": datetime.now(UTC) - timedelta(seconds=1)},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
        {"type": "refresh"},
        {"sub": "nonsense"},
        {"sub": str(uuid4())},
        {"sid": str(uuid4())},
        {"sid": 7},
        {"sid": None},
    ],
)
def test_a_token_with_one_wrong_claim_is_refused(claims, me, change):
    assert me({**claims, **change}) == 401


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"exp": datetime.now(UTC) - timedelta(seconds=1)}, "expired"),
        ({"exp": datetime.now(UTC) - timedelta(days=1), "aud": "another-api"}, "invalid"),
        ({"exp": datetime.now(UTC) - timedelta(days=1), "type": "refresh"}, "invalid"),
        ({"exp": "soon"}, "invalid"),
        ({"exp": [1]}, "invalid"),
        ({"exp": 1e308}, "ended"),
        ({"type": "refresh"}, "invalid"),
        ({"sid": str(uuid4())}, "ended"),
    ],
)
def test_a_client_is_told_what_to_do_about_its_token(claims, client, settings, change, reason):
    key = settings.jwt_secret.get_secret_value()
    token = jwt.encode({**claims, "sid": str(uuid4()), **change}, key, "HS256")

    answer = client.get("/v1/accounts/me", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.get_json()["reason"]) == (401, reason)


def test_a_token_that_served_expires(client, register, monkeypatch):
    account = register()
    assert client.get("/v1/accounts/me", headers=account.headers).status_code == 200
    end = jwt.decode(account.tokens["access_token"], options={"verify_signature": False})["exp"]
    monkeypatch.setattr("app.accounts.tokens.time.time", lambda: end)

    answer = client.get("/v1/accounts/me", headers=account.headers)

    assert answer.get_json()["reason"] == "expired"
    assert "refresh" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "missing"),
        ({"Authorization": "Bearer x"}, "invalid"),
        ({"Authorization": "Basic YTpi"}, "missing"),
        ({"Authorization": "eyJ.e30.x"}, "missing"),
    ],
)
def test_nonsense_is_not_to_be_refreshed(client, headers, reason):
    assert client.get("/v1/accounts/me", headers=headers).get_json()["reason"] == reason


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "sid", "exp"])
def test_a_token_that_lacks_a_claim_is_refused(claims, me, missing):
    assert me({name: value for name, value in claims.items() if name != missing}) == 401


def test_a_token_of_another_key_or_algorithm_is_refused(claims, me, settings):
    assert me(claims, key="z" * 64) == 401
    assert me(claims, algorithm="HS512") == 401
    assert me(claims, key="", algorithm="none") == 401


def test_the_device_of_another_user_does_not_serve(claims, me, register):
    other = register("eve@example.com")

    assert me({**claims, "sid": other.tokens["device_id"]}) == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Token x", "Bearer é"])
def test_nonsense_is_no_token(client, header):
    answer = client.get("/v1/accounts/me", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="fivebox"'


def test_a_refresh_token_is_no_access_token(client, register):
    headers = {"Authorization": f"Bearer {register().tokens['refresh_token']}"}

    assert client.get("/v1/accounts/me", headers=headers).status_code == 401


def test_a_role_opens_what_it_may(make_app, register, owner_connection):
    app = make_app()

    @app.get("/v1/for-admins")
    @app.auth_required(auth, roles=["admin"])
    def for_admins() -> dict[str, str]:
        return {"hello": current_user().name}

    account = register()
    client = app.test_client()

    refused = client.get("/v1/for-admins", headers=account.headers)
    owner_connection.execute("UPDATE users SET role = 'admin'")
    allowed = client.get("/v1/for-admins", headers=account.headers)

    assert refused.status_code == 403
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["type"] == "urn:fivebox:problem:forbidden"
    assert allowed.get_json() == {"hello": "Ada"}


def test_the_document_says_which_operations_need_a_token(client):
    paths = client.get("/openapi.json").get_json()["paths"]
    open_to_all = {
        path
        for path, operations in paths.items()
        if path.startswith("/v1/accounts")
        and not all(operation.get("security") for operation in operations.values())
    }

    assert open_to_all == {
        f"/v1/accounts/{name}"
        for name in (
            "register",
            "login",
            "refresh",
            "verify-address",
            "reset-password/request",
            "reset-password",
            "change-address",
        )
    }
