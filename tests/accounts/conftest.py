"""Helpers of the account tests."""

import io
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyotp
import pytest
from structlog.stdlib import ProcessorFormatter
from werkzeug.test import TestResponse

from tests.conftest import Account
from tests.mail.fixtures import mail_server, mailing, send, sign_up

__all__ = ["mail_server", "mailing", "send", "sign_up"]


@pytest.fixture
def log_in(client) -> Callable[..., TestResponse]:
    def send(account: Account, password: str | None = None, **more: str) -> TestResponse:
        body = {"email": account.email, "password": password or account.password, **more}
        return client.post("/v1/accounts/login", json=body)

    return send


@pytest.fixture
def refresh(app) -> Callable[[str], TestResponse]:
    """Send a refresh token; from any thread."""

    def send(token: str) -> TestResponse:
        return app.test_client().post("/v1/accounts/refresh", json={"refresh_token": token})

    return send


@pytest.fixture
def log_lines(app) -> Iterator[Callable[[], list[str]]]:
    """The lines logged so far, as they are written, from the lowest level on."""
    root = logging.getLogger()
    written = next(h for h in root.handlers if isinstance(h.formatter, ProcessorFormatter))
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    # Without a formatter of its own: another app that configures the logs would remove it.
    handler.format = written.format
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lambda: stream.getvalue().splitlines()
    root.removeHandler(handler)
    root.setLevel(level)


@dataclass
class Factor:
    """An authenticator, as the user's phone has it."""

    secret: str
    recovery_codes: list[str]

    def at(self, steps: int) -> str:
        """The code some steps from now."""
        return pyotp.TOTP(self.secret).at(int(time.time()), counter_offset=steps)

    def next_code(self) -> str:
        """The code of the next step, which the server takes already; enrolling used this one."""
        return self.at(1)


@pytest.fixture
def second_factor() -> Callable[[Account], Factor]:
    """Turn the second factor of an account on."""

    def turn_on(account: Account) -> Factor:
        path = "/v1/accounts/me/second-factor"
        enrolled = account.client.post(
            path, json={"password": account.password}, headers=account.headers
        )
        secret = enrolled.get_json()["secret"]
        confirmed = account.client.post(
            f"{path}/confirm", json={"code": pyotp.TOTP(secret).now()}, headers=account.headers
        )
        assert confirmed.status_code == 200, confirmed.text
        return Factor(secret, confirmed.get_json()["recovery_codes"])

    return turn_on
