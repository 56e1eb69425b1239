"""Redis or PostgreSQL is gone: what every route answers then, and afterwards."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

import psycopg
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts import throttle
from app.products import all_products
from local.servers import EmbeddedServers
from tests.conftest import PASSWORD, Account
from tests.products.conftest import ask_as
from tests.sync.conftest import Rxdb, Watermelon, habit
from tests.sync.test_watermelondb import created, raw
from tests.test_routes import METHODS_WITH_BODY, Route, api_routes, routes
from tests.waiting import wait_until

__all__ = ["api_routes", "routes"]

# Nothing listens there.
GONE = "redis://127.0.0.1:9/0"
MANY = {"rate_limit_default": "9999 per hour", "rate_limit_login": "9999 per hour"}
# They end the device, or the account, that asks.
LAST = {"/v1/accounts/logout", "/v1/accounts/logout-everywhere", "/v1/accounts/me"}


@pytest.fixture
def without_redis(make_app: Callable[..., APIFlask]) -> APIFlask:
    return make_app(redis_url=GONE, rate_limits_enabled=True, **MANY)


def _register(client: FlaskClient, email: str) -> dict[str, str]:
    user = {"email": email, "password": PASSWORD, "name": "Ada"}
    answer = client.post("/v1/accounts/register", json=user)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.get_json()['tokens']['access_token']}"}


def _ask(client: FlaskClient, route: Route, headers: dict[str, str]) -> TestResponse:
    """Ask a route with an empty object, where it takes a body."""
    body = {} if route.method in METHODS_WITH_BODY else None
    return client.open(route.path, method=route.method, headers=headers, json=body)


def _answers(client: FlaskClient, routes: list[Route], email: str) -> dict[Route, int]:
    """The status of every route for a new user who sends an empty object."""
    headers = _register(client, email)
    found = {}
    for route in sorted(routes, key=lambda route: (route.path in LAST, route)):
        if route.path in LAST:
            headers = _register(client, f"{len(found)}{email}")
        found[route] = _ask(client, route, headers).status_code
    return found


@pytest.mark.parametrize("product", all_products())
def test_without_redis_every_product_tells_its_story(without_redis: APIFlask, product: str) -> None:
    assert without_redis.test_cli_runner().invoke(args=["content", "seed"]).exit_code == 0
    client = without_redis.test_client()
    ask = ask_as(client, _register(client, "story@example.com"))
    import_module(f"tests.products.{product}.test_story").tell_the_story(ask)


def test_without_redis_every_route_answers_the_same(
    client: FlaskClient, without_redis: APIFlask, api_routes: list[Route]
) -> None:
    usual = _answers(client, api_routes, "a@example.com")
    assert _answers(without_redis.test_client(), api_routes, "b@example.com") == usual
    assert len(usual) > 80


@dataclass
class Database:
    """The database of the API, which a superuser can take away."""

    superuser: psycopg.Connection

    def lose(self) -> None:
        """End all connections of the API, and take no new ones."""
        self._allow(False)
        self.superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE usename = 'fivebox_app'"
        )

    def regain(self) -> None:
        """Take connections again."""
        self._allow(True)

    def guard(self, read_only: bool) -> None:
        """Do what the guard of a full disk does."""
        self.superuser.execute(f"ALTER SYSTEM SET default_transaction_read_only = {read_only}")
        self.superuser.execute("SELECT pg_reload_conf()")
        wait_until(lambda: self._read_only() == read_only)

    def _read_only(self) -> bool:
        row = self.superuser.execute("SHOW default_transaction_read_only").fetchone()
        return row == ("on",)

    def _allow(self, yes: bool) -> None:
        self.superuser.execute(f"ALTER DATABASE fivebox ALLOW_CONNECTIONS {yes}")


@pytest.fixture
def database(servers: EmbeddedServers) -> Iterator[Database]:
    # A database cannot be closed from within.
    with psycopg.connect(servers.superuser_url, dbname="postgres", autocommit=True) as superuser:
        database = Database(superuser)
        yield database
        database.guard(False)
        database.regain()


def test_without_the_database_every_route_says_so_and_recovers_by_itself(
    client: FlaskClient,
    register: Callable[..., Account],
    api_routes: list[Route],
    database: Database,
) -> None:
    usual = _answers(client, api_routes, "a@example.com")
    headers = register("b@example.com").headers

    database.lose()
    for route in api_routes:
        answer = _ask(client, route, headers)
        # Content is cached; 421 and 422 are found without the database.
        assert answer.status_code in (503, usual[route]), (route, answer.text)
        problem = answer.content_type == "application/problem+json"
        assert problem == (answer.status_code >= 400), route
    health = client.get("/health")
    assert (health.status_code, health.get_json()["checks"]["database"]["status"]) == (503, "down")
    assert client.get("/health/live").status_code == 200

    database.regain()
    assert client.get("/health").status_code == 200
    assert _answers(client, api_routes, "c@example.com") == usual


def test_while_the_database_is_read_only_writes_are_refused_and_reads_go_on(
    client: FlaskClient,
    register: Callable[..., Account],
    api_routes: list[Route],
    database: Database,
) -> None:
    usual = _answers(client, api_routes, "a@example.com")
    headers = register("b@example.com").headers

    database.guard(True)
    found = {route: _ask(client, route, headers).status_code for route in api_routes}
    other = {route: status for route, status in found.items() if status != usual[route]}
    assert set(other.values()) == {507}
    # Only what the audit log must tell of is not read either.
    assert {route.rule for route in other if route.method == "GET"} == {"/v1/accounts/export"}
    assert client.get("/health").status_code == 200

    database.guard(False)
    assert _answers(client, api_routes, "c@example.com") == usual


def test_while_it_is_read_only_administrators_read_all_but_the_audit_log(
    client: FlaskClient, admin: Account, api_routes: list[Route], database: Database
) -> None:
    asked = [
        route
        for route in api_routes
        if route.method == "GET" and route.rule.startswith("/v1/admin/")
    ]
    usual = {route: _ask(client, route, admin.headers).status_code for route in asked}
    assert list(usual.values()).count(200) > 4
    database.guard(True)
    found = {route: _ask(client, route, admin.headers).status_code for route in asked}
    other = {route.rule: status for route, status in found.items() if status != usual[route]}
    assert other == {"/v1/admin/audit": 507}


def test_while_it_is_read_only_who_is_logged_in_stays_so(
    client: FlaskClient, register: Callable[..., Account], database: Database
) -> None:
    def refresh(token: str) -> TestResponse:
        return client.post("/v1/accounts/refresh", json={"refresh_token": token})

    def profile(answer: TestResponse) -> int:
        headers = {"Authorization": f"Bearer {answer.get_json()['access_token']}"}
        return client.get("/v1/accounts/me", headers=headers).status_code

    first = register().tokens["refresh_token"]
    second = refresh(first).get_json()["refresh_token"]
    database.guard(True)
    for _ in range(2):
        answer = refresh(second)
        assert (answer.status_code, answer.get_json()["refresh_token"]) == (200, second)
        assert profile(answer) == 200
    assert refresh(second[:-1] + ("a" if second[-1] != "a" else "b")).status_code == 401
    database.guard(False)
    assert profile(refresh(second)) == 200
    # It serves once again.
    assert refresh(first).status_code == 401


def test_while_it_is_read_only_devices_pull_their_rows_and_push_nothing(
    register: Callable[..., Account], database: Database
) -> None:
    account = register()
    rxdb, watermelon = Rxdb(account), Watermelon(account)
    assert watermelon.pull().status_code == 200
    rxdb.store("habits", (habit("read"), None))

    database.guard(True)
    assert set(rxdb.documents()) == {"read"}
    changes = watermelon.changes()["habits"]
    assert [row["id"] for kind in ("created", "updated") for row in changes[kind]] == ["read"]
    for pushed in (
        rxdb.push("habits", (habit("run"), None)),
        watermelon.push(created(habits=[raw("cook")])),
    ):
        assert pushed.status_code == 507, pushed.text
    assert rxdb.documents() == {}

    database.guard(False)
    rxdb.store("habits", (habit("run"), None))
    assert watermelon.push(created(habits=[raw("cook")])).status_code == 204
    assert set(rxdb.documents()) == {"run", "cook"}


def test_while_it_is_read_only_log_ins_do_not_count_as_failed(
    client: FlaskClient, make_app: Callable[..., APIFlask], database: Database
) -> None:
    client = make_app(rate_limits_enabled=True, **MANY).test_client()
    _register(client, "ada@example.com")
    right = {"email": "ada@example.com", "password": PASSWORD}
    database.guard(True)
    for _ in range(throttle.FREE + 2):
        assert client.post("/v1/accounts/login", json=right).status_code == 507
    database.guard(False)
    assert client.post("/v1/accounts/login", json=right).status_code == 200


def test_while_it_is_read_only_the_sender_of_mails_says_so(
    make_app: Callable[..., APIFlask], database: Database
) -> None:
    app = make_app(smtp_url="smtp://127.0.0.1:9", mail_from="no-reply@example.com")
    database.guard(True)
    result = app.test_cli_runner().invoke(args=["mail", "send"])
    assert result.exit_code == 1
    assert "Error: The disk of the database is full; mails wait.\n" in result.output
