"""What holds for every route, also those that are added later."""

import re
from typing import NamedTuple

import pytest

# All other endpoints below /v1 need an access token.
PUBLIC = {
    ("POST", "/v1/accounts/register"),
    ("POST", "/v1/accounts/login"),
    ("POST", "/v1/accounts/refresh"),
    ("POST", "/v1/accounts/verify-address"),
    ("POST", "/v1/accounts/reset-password/request"),
    ("POST", "/v1/accounts/reset-password"),
    ("POST", "/v1/accounts/change-address"),
    ("GET", "/v1/content/<collection:collection>"),
    ("GET", "/v1/content/<collection:collection>/<slug:document_id>"),
    ("GET", "/v1/nutrition/meals"),
    ("GET", "/v1/nutrition/meals/<slug:meal_id>"),
    ("GET", "/v1/books/<slug:book_id>/reviews"),
    ("GET", "/v1/books/<slug:book_id>/summary"),
    # By signed link.
    ("PUT", "/v1/files/<row_id:file_id>/content"),
    ("GET", "/v1/files/<row_id:file_id>/download"),
}
UNLISTED = {"/", "/docs", "/openapi.json", "/internal/metrics", "/static/<path:filename>"}
# One value that fits each kind of path segment.
SEGMENTS = {
    "row_id": "a-row",
    "day": "2026-01-31",
    # Of content; the routes of sync take any.
    "collection": "habit_templates",
    "slug": "a-document",
    "version": "1",
    "uuid": "7f3b7d1e-52f4-4c43-8a3a-111111111111",
}
METHODS_WITH_BODY = {"POST", "PUT", "PATCH"}


class Route(NamedTuple):
    method: str
    rule: str

    @property
    def path(self) -> str:
        return re.sub(
            r"<(?:(\w+):)?(\w+)>", lambda found: SEGMENTS[found[1] or found[2]], self.rule
        )

    @property
    def documented_path(self) -> str:
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", self.rule)


@pytest.fixture
def routes(app) -> list[Route]:
    return sorted(
        Route(method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    )


@pytest.fixture
def api_routes(routes) -> list[Route]:
    found = [route for route in routes if route.rule.startswith("/v1/")]
    assert len(found) > 15
    return found


@pytest.fixture
def declared(client) -> dict[tuple[str, str], set[str]]:
    paths = client.get("/openapi.json").get_json()["paths"]
    return {
        (method.upper(), path): set(operation["responses"])
        for path, item in paths.items()
        for method, operation in item.items()
        if method != "parameters"
    }


@pytest.fixture
def with_body(client) -> set[tuple[str, str]]:
    """The operations that read JSON."""
    paths = client.get("/openapi.json").get_json()["paths"]
    return {
        (method.upper(), path)
        for path, item in paths.items()
        for method, operation in item.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }


def assert_problem(answer, status: int, about: object = "") -> None:
    assert answer.status_code == status, (about, answer.text)
    assert answer.mimetype == "application/problem+json", about
    body = answer.get_json()
    assert body["status"] == status
    assert body["type"].startswith("urn:fivebox:problem:")
    assert body["request_id"] == answer.headers["X-Request-ID"]


def test_a_stranger_is_refused_everywhere_but_at_the_door(client, api_routes):
    refused = set()
    for route in api_routes:
        answer = client.open(route.path, method=route.method, json={})
        if answer.status_code == 401:
            assert_problem(answer, 401, route)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            refused.add(tuple(route))

    assert {tuple(route) for route in api_routes} - refused == PUBLIC


def test_a_token_that_is_not_ours_opens_nothing(client, api_routes):
    for route in api_routes:
        if tuple(route) in PUBLIC:
            continue
        for value in ("Bearer x", "Bearer ", "Bearer é", "Basic YTpi", "Bearer a.b.c"):
            answer = client.open(
                route.path, method=route.method, json={}, headers={"Authorization": value}
            )
            assert_problem(answer, 401, (route, value))


def test_only_administrators_pass_where_the_path_says_so(register, api_routes):
    account = register()
    admin_routes = [route for route in api_routes if route.rule.startswith("/v1/admin/")]
    for route in admin_routes:
        answer = account.client.open(
            route.path, method=route.method, json={}, headers=account.headers
        )
        assert_problem(answer, 403, route)

    assert admin_routes


def test_every_route_is_in_the_document_or_on_the_list(routes, declared):
    hidden = {
        route.rule for route in routes if (route.method, route.documented_path) not in declared
    }

    assert hidden == UNLISTED


def test_malformed_json_is_a_problem(register_admin, api_routes, with_body):
    account = register_admin()
    sent = 0
    for route in api_routes:
        if (route.method, route.documented_path) not in with_body:
            continue
        for body in (b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}'):
            answer = account.client.open(
                route.path,
                method=route.method,
                data=body,
                content_type="application/json",
                headers=account.headers,
            )
            assert_problem(answer, 400, (route, body[:8]))
            sent += 1

    assert sent


def test_json_of_another_shape_is_a_problem(register_admin, api_routes, with_body):
    account = register_admin()
    for route in api_routes:
        if (route.method, route.documented_path) not in with_body:
            continue
        for body in (b"[]", b'"text"', b"null", b"1", b'{"no_such_field": 1}'):
            answer = account.client.open(
                route.path,
                method=route.method,
                data=body,
                content_type="application/json",
                headers=account.headers,
            )
            assert answer.status_code in (400, 422), (route, body, answer.text)
            assert_problem(answer, answer.status_code, (route, body))


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_a_body_of_another_type_is_refused(register_admin, api_routes, content_type):
    account = register_admin()
    for route in api_routes:
        if route.method not in METHODS_WITH_BODY:
            continue
        answer = account.client.open(
            route.path,
            method=route.method,
            data=b'{"name": "A"}',
            headers={**account.headers, "Content-Type": content_type},
        )
        assert_problem(answer, 415, route)


def test_a_huge_body_is_refused(register_admin, api_routes, with_body, settings):
    account = register_admin()
    for route in api_routes:
        if (route.method, route.documented_path) not in with_body:
            continue
        in_sync = route.rule.startswith("/v1/sync")
        limit = settings.sync_max_bytes if in_sync else settings.max_body_bytes
        answer = account.client.open(
            route.path,
            method=route.method,
            data=b'{"name": "' + b"a" * limit + b'"}',
            content_type="application/json",
            headers=account.headers,
        )
        assert_problem(answer, 413, route)


def test_another_method_is_told_what_is_allowed(client, routes):
    for rule in {route.rule for route in routes if route.rule.startswith(("/v1/", "/health"))}:
        allowed = {route.method for route in routes if route.rule == rule}
        path = Route("", rule).path
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
            answer = client.open(path, method=method)
            if answer.status_code == 405:
                assert_problem(answer, 405, (method, rule))
                assert allowed <= {word.strip() for word in answer.headers["Allow"].split(",")}
            else:
                # Another rule has the same path and this method.
                assert any(route.method == method for route in routes if route.path == path)


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/none", "/v1/habits/a/progress/2026-02-30", "/v1/habits/a%00b", "/../x"],
)
def test_an_unknown_path_is_a_problem(client, path):
    assert_problem(client.get(path), 404)


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/habits/h1/progress/2026-13-40", "2026-13-40 is no day such as 2026-05-31."),
        ("/v1/habits/h1/progress/20260101", "20260101 is no day such as 2026-05-31."),
        ("/v1/habits/h1/progress/1999-12-31", "1999-12-31 is no day of the years 2000 to 2100."),
        ("/v1/habits/a b", "a b is no id: it has 1 to 64 letters and digits without accents, "),
        ("/v1/habits/" + "a" * 200, "a" * 100 + "… is no id: "),
        ("/v1/content/Habits", "Habits is no name of a collection such as habit_templates."),
        ("/v1/content/habit_templates/Run", "Run is no id such as read-a-book: "),
        ("/v1/admin/content/races/elf/versions/0", "0 is no number of a version."),
    ],
)
def test_a_malformed_part_of_a_path_is_named(client, path, detail):
    answer = client.get(path)

    assert_problem(answer, 404)
    assert answer.get_json()["detail"].startswith(detail)


@pytest.mark.parametrize("device", ["nope", "7f3b7d1e52f44c438a3a111111111111"])
def test_a_malformed_uuid_in_a_path_is_named(client, device):
    answer = client.delete(f"/v1/accounts/devices/{device}")

    assert_problem(answer, 404)
    assert answer.get_json()["detail"].startswith(f"{device} is no UUID such as 7f3b7d1e-")


def test_a_patch_takes_null_only_where_the_document_says_so(register_admin, client, api_routes):
    account = register_admin()
    document = client.get("/openapi.json").get_json()
    can_be_empty = set()
    for route in api_routes:
        if route.method != "PATCH":
            continue
        operation = document["paths"][route.documented_path]["patch"]
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
        assert "required" not in schema
        for name, field in schema["properties"].items():
            assert "default" not in field, (route, name)
            answer = account.client.patch(route.path, json={name: None}, headers=account.headers)
            if {"type": "null"} in field.get("anyOf", []):
                assert "must not be null" not in answer.text, (route, name)
                can_be_empty.add(name)
            else:
                assert_problem(answer, 422, (route, name))
                fault = {"field": name, "detail": "must not be null"}
                assert answer.get_json()["errors"] == [fault], (route, name)

    assert can_be_empty == {"portrait_id", "time_zone", "times_per_week", "weekdays"}
