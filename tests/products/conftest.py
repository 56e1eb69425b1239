"""The client of the products' stories."""

from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from tests.conftest import Account

Ask = Callable[..., tuple[int, Any]]


def ask_as(client: FlaskClient, user: dict[str, str]) -> Ask:
    """What sends a user's requests: method, path, body (JSON or bytes) and headers; it gives the
    status and the JSON.

    Args:
        client: sends them.
        user: the header with the access token.
    """

    def ask(
        method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        answer = client.open(path, method=method, headers={**user, **(headers or {})}, **content)
        return answer.status_code, answer.get_json(silent=True)

    return ask


@pytest.fixture
def ask(app: APIFlask, register: Callable[..., Account]) -> Ask:
    """Send requests as one user, on the content that a release brings."""
    seeded = app.test_cli_runner().invoke(args=["content", "seed"])
    assert seeded.exit_code == 0, seeded.output
    user = register("story@example.com")
    return ask_as(user.client, user.headers)
