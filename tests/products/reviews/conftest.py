"""Books and readers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskCliRunner

from app.extensions import redis
from tests.conftest import Account

BOOKS = ("emma", "dracula", "faust", "moby-dick")


def book(book_id: str, **changes: Any) -> dict[str, Any]:
    """A document of the collection as an administrator sends it."""
    data = {
        "title": {"en": book_id.title(), "de": f"{book_id.title()} (de)"},
        "description": {"en": "A book."},
        "authors": ["A. Author"],
        "year": 1850,
        "languages": ["en"],
        "subjects": ["romance"],
        **changes,
    }
    return {"data": data}


@pytest.fixture(autouse=True)
def no_leftovers(app: APIFlask) -> Iterator[None]:
    """Kept recommendations belong to no account."""
    yield
    redis.client.flushdb()


@pytest.fixture
def books(admin: Account) -> tuple[str, ...]:
    """Put a few books into the collection."""
    for book_id in BOOKS:
        path = f"/v1/admin/content/books/{book_id}"
        answer = admin.client.put(path, json=book(book_id), headers=admin.headers)
        assert answer.status_code == 201, answer.text
    return BOOKS


@pytest.fixture
def reader(register: Callable[..., Account]) -> Account:
    return register()


def call(user: Account, method: str, path: str, json: Any = None, **headers: str) -> Any:
    """Send a request as a user; `_` in a header's name stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return user.client.open(path, method=method, json=json, headers={**user.headers, **named})


def rate(user: Account, book_id: str, rating: int = 4, **fields: Any) -> dict[str, Any]:
    """Review a book."""
    answer = call(user, "POST", "/v1/reviews", {"id": book_id, "rating": rating, **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def rate_all(user: Account, ratings: dict[str, int]) -> None:
    """Review several books, given by their ids."""
    for book_id, rating in ratings.items():
        rate(user, book_id, rating)


def document(book_id: str = "emma", **changes: Any) -> dict[str, Any]:
    """A review as RxDB keeps it."""
    return {
        "id": book_id,
        "rating": 4,
        "title": "",
        "text": "Fine.",
        "language": "en",
        "spoiler": False,
        "published": True,
        "notes": "mine",
        "_deleted": False,
        **changes,
    }


def summary(client: Any, book_id: str) -> dict[str, Any]:
    """How a book is rated."""
    body: dict[str, Any] = client.get(f"/v1/books/{book_id}/summary").get_json()
    return body


def shown(client: Any, book_id: str, **query: Any) -> list[dict[str, Any]]:
    """The first page of a book's public reviews."""
    answer = client.get(f"/v1/books/{book_id}/reviews", query_string=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.get_json()["items"]
    return items


@pytest.fixture
def run(app: APIFlask) -> Callable[..., Any]:
    """Run a command `flask reviews …`."""
    runner: FlaskCliRunner = app.test_cli_runner()

    def invoke(*arguments: str) -> Any:
        return runner.invoke(args=["reviews", *arguments], catch_exceptions=False)

    return invoke
