"""Helpers of the audit tests."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.accounts.conftest import log_in, second_factor
from tests.conftest import Account
from tests.mail.fixtures import mail_server, mailing, send, sign_up

__all__ = ["log_in", "mail_server", "mailing", "second_factor", "send", "sign_up"]


@pytest.fixture
def events_of() -> Callable[..., list[dict[str, Any]]]:
    """The events that a user sees of their own account, the oldest first."""

    def read(account: Account, **query: str) -> list[dict[str, Any]]:
        answer = account.client.get(
            "/v1/audit", query_string={"limit": 100, **query}, headers=account.headers
        )
        assert answer.status_code == 200, answer.text
        return answer.get_json()["items"][::-1]

    return read
