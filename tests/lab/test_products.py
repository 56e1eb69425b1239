"""The story of each product, through the public name."""

import json
from importlib import import_module
from typing import Any

import pytest

from app.products import all_products
from tests.lab.conftest import Api


@pytest.mark.parametrize("product", all_products())
def test_a_client_of_the_product_tells_its_story(api: Api, product: str) -> None:
    story = import_module(f"tests.products.{product}.test_story")
    user = {"email": f"{product}@example.com", "password": "a long lab passphrase", "name": "Lab"}
    registered = api.ask("POST", "/v1/accounts/register", user)
    assert registered.status == 201, registered.body
    token = registered.json()["tokens"]["access_token"]

    def ask(
        method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        options = [
            word for item in (headers or {}).items() for word in ("--header", ": ".join(item))
        ]
        answer = api.ask(method, path, body, token, "https", *options)
        return answer.status, json.loads(answer.body) if answer.body else None

    story.tell_the_story(ask)
