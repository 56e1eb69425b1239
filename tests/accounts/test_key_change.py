"""While the key of the access tokens changes, those of either key are accepted."""

from collections.abc import Callable

from apiflask import APIFlask
from pydantic import SecretStr

from tests.conftest import Account

OTHER = SecretStr("another-key-of-this-test-for-tokens")


def _status(app: APIFlask, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return app.test_client().get("/v1/accounts/me", headers=headers).status_code


def test_tokens_of_the_other_key_are_accepted(
    make_app: Callable[..., APIFlask], register: Callable[..., Account], settings
) -> None:
    token = register().tokens["access_token"]
    changed = make_app(jwt_secret=OTHER, jwt_other_secret=settings.jwt_secret)
    assert _status(changed, token) == 200
    assert _status(make_app(jwt_secret=OTHER), token) == 401
