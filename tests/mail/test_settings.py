"""Which mail settings are taken, and what a server without them does."""

import re

import pytest
from pydantic import ValidationError

from app.settings import Environment, Settings

WITH_SENDER = {"mail_from": "Fivebox <no-reply@example.com>"}
PRODUCTION = {"environment": Environment.PRODUCTION, "public_url": "https://api.example.com"}


@pytest.fixture
def load(environment):
    return lambda **changes: Settings(**changes)


@pytest.fixture
def production(settings):
    """The settings that make this run's environment one of production."""
    url = str(settings.database_url).replace("fivebox_app@", f"fivebox_app:{'x' * 16}@")
    return {**PRODUCTION, "database_url": url}


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example.com",
        "smtp://user:pass@mail.example.com:587",
        "smtps://user%40example.com:p%2Fq@[::1]:465",
    ],
)
def test_urls_that_are_taken(load, url):
    assert load(smtp_url=url, **WITH_SENDER).smtp_url is not None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://mail.example.com", "scheme"),
        ("mail.example.com:587", "URL"),
        ("smtp://user@mail.example.com", "a user and a password"),
        ("smtp://:pass@mail.example.com", "a user and a password"),
        ("smtp://mail.example.com/path", "ends after the port"),
        ("smtp://mail.example.com?tls=no", "ends after the port"),
    ],
)
def test_urls_that_are_refused(load, url, fault):
    with pytest.raises(ValidationError, match=fault):
        load(smtp_url=url, **WITH_SENDER)


def test_a_mail_server_needs_a_sender(load):
    with pytest.raises(ValidationError, match="FIVEBOX_SMTP_URL"):
        load(smtp_url="smtp://mail.example.com")
    with pytest.raises(ValidationError, match="mail_from"):
        load(smtp_url="smtp://mail.example.com", mail_from="not an address")


def test_the_password_is_not_shown(load):
    settings = load(smtp_url="smtp://user:hush-hush@mail.example.com", **WITH_SENDER)

    assert "hush-hush" not in repr(settings)


def test_in_production_links_lead_to_https(load, production):
    with pytest.raises(ValidationError, match="https"):
        load(app_url="http://app.example.com", **production)
    assert load(app_url="https://app.example.com", **production).app_url


def test_without_a_server_production_says_so(make_app, register, production):
    account = register()
    app = make_app(**production)
    client = app.test_client()
    asked = [
        client.post("/v1/accounts/reset-password/request", json={"email": account.email}),
        client.post("/v1/accounts/verify-address/request", headers=account.headers),
        client.post(
            "/v1/accounts/change-address/request",
            json={"new_email": "new@example.com", "password": account.password},
            headers=account.headers,
        ),
    ]

    # A token of another issuer opens nothing; the public address is another here.
    assert [answer.status_code for answer in asked] == [403, 401, 401]
    assert asked[0].get_json()["type"] == "urn:fivebox:problem:mail-not-configured"
    assert "FIVEBOX_SMTP_URL" in asked[0].get_json()["detail"]
    assert app.test_cli_runner().invoke(args=["mail", "send"]).output.startswith("Nothing to send")


def test_without_a_server_accounts_go_on(register, owner_connection, client):
    account = register()

    for path, body in (
        ("verify-address/request", None),
        ("change-address/request", {"new_email": "new@example.com", "password": account.password}),
    ):
        answer = client.post(f"/v1/accounts/{path}", json=body, headers=account.headers)
        assert answer.status_code == 403
        assert answer.get_json()["type"] == "urn:fivebox:problem:mail-not-configured"
    assert owner_connection.execute("SELECT count(*) FROM mails").fetchone() == (0,)


def test_in_development_the_log_shows_the_mail(make_app, log_lines, owner_connection):
    client = make_app(environment=Environment.DEVELOPMENT).test_client()
    body = {"email": "ada@example.com", "password": "quite a long one", "name": "Ada"}

    assert client.post("/v1/accounts/register", json=body).status_code == 201

    (line,) = [line for line in log_lines() if '"to":"ada@example.com"' in line]
    token = line.partition("#token=")[2].partition("\\n")[0]
    answer = client.post("/v1/accounts/verify-address", json={"token": token})
    assert answer.status_code == 204
    assert owner_connection.execute("SELECT state FROM mails").fetchall() == [("sent",)]


def test_in_development_the_mail_is_readable(make_app, capsys):
    client = make_app(environment=Environment.DEVELOPMENT).test_client()
    body = {"email": "ada@example.com", "password": "quite a long one", "name": "Ada"}

    client.post("/v1/accounts/register", json=body)

    shown = capsys.readouterr().out
    _, _, mail = shown.partition("To: ada@example.com\nSubject: ")
    (link,) = re.findall(r"^\s*(http\S+/verify-address#token=[\w-]+)\s*$", mail, re.M)
    token = link.partition("=")[2]
    answer = client.post("/v1/accounts/verify-address", json={"token": token})
    assert answer.status_code == 204


def test_in_development_the_log_shows_no_mail_to_nobody(
    make_app, log_lines, owner_connection, capsys
):
    client = make_app(environment=Environment.DEVELOPMENT).test_client()

    answer = client.post("/v1/accounts/reset-password/request", json={"email": "no@example.com"})

    assert answer.status_code == 202
    assert [line for line in log_lines() if "no@example.com" in line] == []
    assert "no@example.com" not in capsys.readouterr().out
    assert owner_connection.execute("SELECT state FROM mails").fetchall() == [("dropped",)]
