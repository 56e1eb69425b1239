"""Real PostgreSQL and Valkey for every worker of the tests; each test begins with no accounts."""

import io
import json
import logging
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from psycopg.sql import SQL, Composed, Identifier
from structlog.stdlib import ProcessorFormatter

from app.products import all_products
from local.servers import EmbeddedServers
from tests.waiting import wait_until

# prometheus_client chooses its multiprocess mode when it is first imported.
METRICS_DIR = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="fivebox-metrics-")
PASSWORD = "correct horse battery staple"
EMPTIED = (
    "users",
    "audit_events",
    "content_documents",
    "content_versions",
    "content_sources",
    "book_ratings",
    "book_similarities",
)


def pytest_unconfigure() -> None:
    shutil.rmtree(METRICS_DIR, ignore_errors=True)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    running = EmbeddedServers(tmp_path_factory.mktemp("servers"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def wait_for_lock(servers: EmbeddedServers) -> Callable[..., None]:
    """Wait until statements wait for what another transaction, or session, holds."""
    waiting = (
        "SELECT count(*) >= %s FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND wait_event_type = 'Lock'"
    )

    def wait(statements: int = 1) -> None:
        with psycopg.connect(servers.superuser_url, autocommit=True) as watcher:
            wait_until(lambda: watcher.execute(waiting, [statements]).fetchone() == (True,))

    return wait


@pytest.fixture(scope="session")
def environment(
    servers: EmbeddedServers, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The FIVEBOX_* variables of the test run, set in this process too."""
    folder = tmp_path_factory.mktemp("run")
    variables = {
        **servers.environment(),
        "FIVEBOX_ENVIRONMENT": "test",
        "FIVEBOX_JWT_SECRET": secrets.token_hex(32),
        "FIVEBOX_PASSWORD_PEPPER": secrets.token_hex(32),
        "FIVEBOX_MAINTENANCE_FILE": str(folder / "maintenance"),
        "FIVEBOX_METRICS_DIR": METRICS_DIR,
        "FIVEBOX_FILES_DIR": str(folder / "files"),
        "FIVEBOX_PRODUCTS": ",".join(all_products()),
        # Tests of the limits turn them on; all others come from one address.
        "FIVEBOX_RATE_LIMITS_ENABLED": "false",
    }
    os.environ.update(variables)
    return variables


@pytest.fixture(scope="session")
def app(environment: dict[str, str]) -> APIFlask:
    """The application on a migrated database, as the role fivebox_app."""
    from app.factory import create_app

    application = create_app()
    with application.app_context():
        upgrade()
    return application


@pytest.fixture
def make_app(app: APIFlask, environment: dict[str, str]) -> Callable[..., APIFlask]:
    """Build another application on the same database with some settings changed."""
    from app.factory import create_app
    from app.settings import Settings

    def make(**changes: Any) -> APIFlask:
        return create_app(Settings(**changes))

    return make


@pytest.fixture
def settings(app: APIFlask) -> Any:
    return app.extensions["settings"]


@pytest.fixture
def owner_connection(app: APIFlask, servers: EmbeddedServers) -> Iterator[psycopg.Connection]:
    """A connection of the superuser: past row-level security, for arranging and inspecting."""
    with psycopg.connect(servers.superuser_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def emptying(app: APIFlask, servers: EmbeddedServers) -> Composed:
    """Statements, run as one transaction, that do in a tenth of its time what TRUNCATE does."""
    with psycopg.connect(servers.superuser_url) as connection:
        found = connection.execute(
            """
            WITH RECURSIVE emptied AS (
                SELECT unnest(%s::regclass[]) AS id
                UNION
                SELECT conrelid FROM pg_constraint JOIN emptied ON confrelid = id
                WHERE contype = 'f'
            )
            SELECT relname FROM emptied JOIN pg_class ON pg_class.oid = id
            """,
            [list(EMPTIED)],
        )
        tables = [Identifier(name) for (name,) in found]
    return SQL("; ").join(
        [
            SQL("SET lock_timeout = '5s'"),
            # Neither foreign keys nor triggers: all that refers to these rows goes too.
            SQL("SET session_replication_role = replica"),
            # Waits for what is still under way, whose rows would outlast this.
            SQL("LOCK TABLE {}").format(SQL(", ").join(tables)),
            *(SQL("DELETE FROM {}").format(table) for table in tables),
        ]
    )


@pytest.fixture
def plan_of(owner_connection: psycopg.Connection) -> Callable[..., str]:
    """Explain a statement as if only an index would do, on tables without rows.

    What the tests before left in the tables' statistics has no say.
    """

    def explain(statement: str, *values: str) -> str:
        with owner_connection.transaction(force_rollback=True):
            for way in ("seqscan", "bitmapscan", "sort"):
                owner_connection.execute(SQL("SET LOCAL enable_{} = off").format(SQL(way)))
            for table in re.findall(r"FROM (\w+)", statement):
                owner_connection.execute(SQL("TRUNCATE {} CASCADE").format(Identifier(table)))
            explained = SQL("EXPLAIN {}").format(SQL(statement))
            return "\n".join(line for (line,) in owner_connection.execute(explained, values))

    return explain


@pytest.fixture(autouse=True)
def no_accounts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Remove all rows after a test that used the application."""
    if "app" not in request.fixturenames:
        yield
        return
    statements = request.getfixturevalue("emptying")
    yield
    url = request.getfixturevalue("servers").superuser_url
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(statements)


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


@dataclass
class Account:
    """A registered user, logged in on one device."""

    id: str
    email: str
    password: str
    tokens: dict[str, Any]
    client: FlaskClient

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}


@pytest.fixture
def register(client: FlaskClient) -> Callable[..., Account]:
    """Register an account through the API."""
    numbers = count(1)

    def make(email: str | None = None, password: str = PASSWORD) -> Account:
        email = email or f"user{next(numbers)}@example.com"
        answer = client.post(
            "/v1/accounts/register",
            json={"email": email, "password": password, "name": "Ada", "device_name": "phone"},
        )
        assert answer.status_code == 201, answer.text
        body = answer.get_json()
        return Account(body["user"]["id"], email, password, body["tokens"], client)

    return make


@pytest.fixture
def register_admin(
    register: Callable[..., Account], owner_connection: psycopg.Connection
) -> Callable[..., Account]:
    """Register an account that is an administrator's."""

    def make(email: str | None = None) -> Account:
        account = register(email)
        owner_connection.execute("UPDATE users SET role = 'admin' WHERE id = %s", [account.id])
        return account

    return make


@pytest.fixture
def admin(register_admin: Callable[..., Account]) -> Account:
    """An administrator, logged in."""
    return register_admin("admin@example.com")


@pytest.fixture
def fill(app: APIFlask) -> Callable[[Account], None]:
    """Give an account the example rows of every product of which it has none."""
    from app import examples
    from app.accounts.models import User
    from app.content.seeds import load_seeds
    from app.database.session import act_as
    from app.extensions import db

    def seed(account: Account) -> None:
        with app.app_context():
            # Examples may be made of the content.
            load_seeds()
            act_as(account.id)  # type: ignore[arg-type]
            examples.give(db.session.get_one(User, account.id))

    return seed


@pytest.fixture
def project() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def lines(app: APIFlask) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines logged so far, parsed."""
    # Metrics, which it imports, must find their folder in the environment.
    from app.operations import later

    later.now()
    root = logging.getLogger()
    written = next(h for h in root.handlers if isinstance(h.formatter, ProcessorFormatter))
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    # Without a formatter of its own: another app that configures the logs would remove it.
    handler.format = written.format  # type: ignore[method-assign]
    root.addHandler(handler)

    def read() -> list[dict[str, Any]]:
        later.now()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield read
    root.removeHandler(handler)
