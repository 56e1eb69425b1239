"""An application that sends mails to a real server; for the tests of mails and of accounts."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from click.testing import Result

from tests.conftest import PASSWORD, Account
from tests.mail.server import MailServer

APP_URL = "https://app.example.com"
SENDER = "Fivebox <no-reply@example.com>"


@pytest.fixture
def mail_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    server = MailServer(tmp_path)
    # Where OpenSSL looks for the authorities of this machine.
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    # It logs what it hears, in this process.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mailing(make_app: Callable[..., APIFlask], mail_server: MailServer) -> APIFlask:
    """An application with a mail server."""
    return make_app(smtp_url=mail_server.url, mail_from=SENDER, app_url=APP_URL)


@pytest.fixture
def send(mailing: APIFlask) -> Callable[[], Result]:
    """Run `flask mail send`."""
    return lambda: mailing.test_cli_runner().invoke(args=["mail", "send"])


@pytest.fixture
def sign_up(mailing: APIFlask, send: Callable[[], Result]) -> Callable[..., Account]:
    """Register an account, whose first mail is sent unless told otherwise."""

    def make(email: str = "ada@example.com", *, sent: bool = True, **more: str) -> Account:
        client = mailing.test_client()
        body = {"email": email, "password": PASSWORD, "name": "Ada", **more}
        answer = client.post("/v1/accounts/register", json=body)
        assert answer.status_code == 201, answer.text
        if sent:
            assert send().exit_code == 0
        session = answer.get_json()
        return Account(session["user"]["id"], email, PASSWORD, session["tokens"], client)

    return make
