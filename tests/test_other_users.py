"""What one user has, another cannot reach: all routes, with the ids of all rows."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from sqlalchemy import inspect

from app.database.purge import owned_models
from tests.conftest import Account
from tests.test_routes import PUBLIC

# What stands in the path is no row of a user's: kinds of tables, content, public reviews.
ELSEWHERE = ("/v1/admin/", "/v1/sync/", "/v1/content/", "/v1/books/", "/v1/nutrition/meals")
ROWS_OF_A_TABLE = 3
Call = tuple[str, str, Any]


@pytest.fixture
def owner(fill: Callable[[Account], None], register: Callable[..., Account]) -> Account:
    """A user with example rows of every product, a timer key, a file and a report."""
    owner = register()
    fill(owner)
    file = {"id": "face", "name": "a", "content_type": "text/plain", "size": 1, "sha256": "0" * 64}
    assert owner.client.post("/v1/files", json=file, headers=owner.headers).status_code == 201
    return owner


@pytest.fixture
def paths(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").get_json()["paths"]
    return found


@pytest.fixture
def schemas(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").get_json()["components"]["schemas"]
    return found


@pytest.fixture
def rows(owner: Account, owner_connection: psycopg.Connection) -> list[dict[str, Any]]:
    """Some rows of each table of the owner's, as JSON has them; devices too."""
    found = []
    tables = [str(inspect(model).local_table) for model in owned_models()]
    for table in [*tables, "devices"]:
        query = f"SELECT to_jsonb(t) FROM {table} t WHERE user_id = %s LIMIT {ROWS_OF_A_TABLE}"  # noqa: S608
        found += [row for (row,) in owner_connection.execute(query, [owner.id])]  # type: ignore[arg-type]
    return found


def _keys(row: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """What of a row may stand in paths: its id, the parts of its id, and a parent with its id."""
    yield (row["id"],)
    if ":" in row["id"]:
        yield tuple(row["id"].split(":"))
    for name in row:
        if name.endswith("_id") and name != "user_id" and isinstance(row[name], str):
            yield row[name], row["id"]


def _put(key: tuple[str, ...], path: str) -> str:
    for part in key:
        path = re.sub(r"{\w+}", part, path, count=1)
    return path


def _body(operation: dict[str, Any], schemas: dict[str, Any], row: dict[str, Any]) -> Any:
    """The fields of a row that the operation takes; a patch of nothing is valid, too."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema = schemas[content["schema"]["$ref"].rpartition("/")[2]]
    names = schema["properties"] if schema.get("required") else {}
    return {name: row[name] for name in names if name in row}


@pytest.fixture
def calls(
    paths: dict[str, Any], schemas: dict[str, Any], rows: list[dict[str, Any]]
) -> dict[tuple[str, str], list[Call]]:
    """By route, the requests that name rows of the owner's."""
    public = {(method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)) for method, rule in PUBLIC}
    found: dict[tuple[str, str], list[Call]] = {}
    for path, item in paths.items():
        names = re.findall(r"{\w+}", path)
        if not names or path.startswith(ELSEWHERE):
            continue
        for method in item.keys() - {"parameters"}:
            route = (method.upper(), path)
            if route in public:
                continue
            found[route] = [
                (method, _put(key, path), _body(item[method], schemas, row))
                for row in rows
                for key in _keys(row)
                if len(key) == len(names)
            ]
    return found


def _send(user: Account, call: Call) -> Any:
    method, path, body = call
    return user.client.open(path, method=method, json=body, headers=user.headers)


def test_the_owner_reaches_the_rows(
    owner: Account, calls: dict[tuple[str, str], list[Call]]
) -> None:
    reads = {route: found for route, found in calls.items() if route[0] == "GET"}
    assert len(reads) > 10

    reached = {
        route
        for route, found in reads.items()
        if any(_send(owner, c).status_code == 200 for c in found)
    }

    # A file whose upload is not complete has no download.
    assert {path for _, path in reads.keys() - reached} == {
        "/v1/files/{file_id}/content",
        "/v1/files/{file_id}/link",
    }


def test_a_stranger_reaches_none(
    owner: Account,
    register: Callable[..., Account],
    calls: dict[tuple[str, str], list[Call]],
    rows: list[dict[str, Any]],
    owner_connection: psycopg.Connection,
) -> None:
    stranger = register()
    before = _state(owner_connection, owner)
    refused = set()
    for route, found in calls.items():
        for call in found:
            answer = _send(stranger, call)
            # A body that fits another row is told first; nothing of the row shows in it.
            assert answer.status_code in (404, 422), (route, call, answer.text)
            if answer.status_code == 404:
                refused.add(route)
    assert calls.keys() - refused == set()
    assert _state(owner_connection, owner) == before


def test_a_stranger_lists_and_pulls_none(
    app: APIFlask,
    owner: Account,
    register: Callable[..., Account],
    paths: dict[str, Any],
    rows: list[dict[str, Any]],
) -> None:
    stranger = register()
    ids = {row["id"] for row in rows}
    lists = 0
    for path, item in paths.items():
        if not path.startswith("/v1/") or "get" not in item or "{" in path:
            continue
        if path.startswith(ELSEWHERE) or path == "/v1/events":
            continue
        if _ids(owner, path) & ids:
            lists += 1
            assert not _ids(stranger, path) & ids, path
    assert lists > 5
    for name in app.extensions["sync"]:
        pull = f"/v1/sync/{name}/pull"
        assert owner.client.get(pull, headers=owner.headers).get_json()["documents"]
        assert stranger.client.get(pull, headers=stranger.headers).get_json()["documents"] == []


def _ids(user: Account, path: str) -> set[str]:
    answer = user.client.get(path, headers=user.headers)
    items = answer.get_json().get("items", []) if answer.mimetype == "application/json" else []
    return {item["id"] for item in items if "id" in item}


def _state(connection: psycopg.Connection, owner: Account) -> list[Any]:
    row = connection.execute("SELECT rev FROM sync_state WHERE user_id = %s", [owner.id]).fetchone()
    devices = connection.execute(
        "SELECT id, revoked_at FROM devices WHERE user_id = %s ORDER BY id", [owner.id]
    ).fetchall()
    return [row, devices]
