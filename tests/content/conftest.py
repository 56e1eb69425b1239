"""A collection of every kind of field, an administrator, and a cache without leftovers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient, FlaskCliRunner
from prometheus_client.parser import text_string_to_metric_families
from pydantic import Field
from redis import Redis
from werkzeug.test import TestResponse

from app.content.collections import ContentCollection, ContentData, Localized, LongText
from app.extensions import redis
from tests.conftest import Account

ADMIN = "/v1/admin/content/recipes"
PUBLIC = "/v1/content/recipes"


class Recipe(ContentData):
    text: Localized[LongText] | None = None
    steps: list[Localized[str]] = Field(default_factory=list)
    names: dict[str, Localized[str]] = Field(default_factory=dict)
    grams: float = Field(0, ge=0)


RECIPES = ContentCollection(
    name="recipes", schema=Recipe, locales=("en", "de", "de-AT", "sr", "sr-Latn")
)


def recipe(title: str = "Soup", **changes: Any) -> dict[str, Any]:
    """A document as an administrator sends it."""
    data = {"title": {"en": title}, **changes.pop("data", {})}
    return {"data": data, **changes}


@pytest.fixture
def kitchen(make_app: Callable[..., APIFlask]) -> Callable[..., APIFlask]:
    """Build an application that has the collection of recipes, with some settings changed."""

    def make(**changes: Any) -> APIFlask:
        app = make_app(**changes)
        app.extensions["content_collections"] = {"recipes": RECIPES}
        return app

    return make


@pytest.fixture
def app_with_recipes(kitchen: Callable[..., APIFlask]) -> APIFlask:
    return kitchen()


@pytest.fixture(autouse=True)
def cache(app: APIFlask, environment: dict[str, str]) -> Iterator[Redis]:
    """The real cache, empty; whatever a test does to the client, the next one has it again."""
    redis.init_app(environment["FIVEBOX_REDIS_URL"])
    redis.client.flushdb()
    yield Redis.from_url(environment["FIVEBOX_REDIS_URL"])
    redis.init_app(environment["FIVEBOX_REDIS_URL"])


@pytest.fixture
def anyone(app_with_recipes: APIFlask) -> FlaskClient:
    return app_with_recipes.test_client()


@pytest.fixture
def run(app_with_recipes: APIFlask) -> FlaskCliRunner:
    return app_with_recipes.test_cli_runner()


@pytest.fixture
def admin(register_admin: Callable[[], Account]) -> Account:
    return register_admin()


@pytest.fixture
def call(admin: Account, anyone: FlaskClient) -> Callable[..., TestResponse]:
    """Send a request of the administrator; `if_match` and such become headers."""

    def send(method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return anyone.open(path, method=method, json=json, headers={**admin.headers, **named})

    return send


@pytest.fixture
def put(call: Callable[..., TestResponse]) -> Callable[..., dict[str, Any]]:
    """Write a recipe."""

    def write(name: str, title: str = "Soup", **changes: Any) -> dict[str, Any]:
        answer = call("PUT", f"{ADMIN}/{name}", recipe(title, **changes))
        assert answer.status_code in (200, 201), answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    return write


@pytest.fixture
def count(client: FlaskClient) -> Callable[..., float]:
    """Read one sample of the metrics; 0 before it was first counted."""

    def value(name: str, **labels: str) -> float:
        families = text_string_to_metric_families(client.get("/internal/metrics").text)
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        )

    return value
