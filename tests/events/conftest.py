"""Two API workers and the process of the streams, on one database and one Valkey."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import orjson
import pytest
from redis import Redis

from app.events.channel import CHANNEL, Change, encode
from tests.conftest import PASSWORD
from tests.events.processes import Gunicorn, Listener, Valkey
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short: a socket's path may have 107 bytes at most."""
    made = Path(tempfile.mkdtemp(prefix="fivebox-events-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def valkey(folder: Path) -> Iterator[Valkey]:
    server = Valkey(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def variables(environment: dict[str, str], valkey: Valkey, folder: Path) -> dict[str, str]:
    own = {"FIVEBOX_REDIS_URL": valkey.url, "FIVEBOX_METRICS_DIR": str(folder / "metrics")}
    return {**environment, **own, "FIVEBOX_LOG_LEVEL": "INFO"}


@pytest.fixture(scope="module")
def api(app: Any, variables: dict[str, str], folder: Path) -> Iterator[Gunicorn]:
    server = Gunicorn(folder, "api", {**variables, "WORKERS": "2"}, "wsgi:app")
    yield server
    server.stop()


@pytest.fixture
def start_api(
    app: Any, variables: dict[str, str], folder: Path
) -> Iterator[Callable[[], Gunicorn]]:
    """Start another API with workers of its own."""
    started: list[Gunicorn] = []

    def start() -> Gunicorn:
        metrics = str(folder / f"metrics-{uuid4().hex}")
        own = {**variables, "WORKERS": "1", "FIVEBOX_METRICS_DIR": metrics}
        started.append(Gunicorn(folder, f"api-{uuid4().hex[:8]}", own, "wsgi:app"))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def _start(folder: Path, variables: dict[str, str]) -> Gunicorn:
    words = ("-c", "gunicorn.events.conf.py", "wsgi_events:app")
    server = Gunicorn(folder, f"events-{uuid4().hex[:8]}", variables, *words)
    wait_until(lambda: server.metric("events_redis_connected") == 1, "it subscribes")
    return server


@pytest.fixture(scope="module")
def events(variables: dict[str, str], folder: Path) -> Iterator[Gunicorn]:
    """The process of the streams."""
    server = _start(folder, variables)
    yield server
    server.stop()


@pytest.fixture
def start_events(variables: dict[str, str], folder: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Start another process of the streams, with some settings changed."""
    started: list[Gunicorn] = []

    def start(**changes: str) -> Gunicorn:
        started.append(_start(folder, {**variables, **changes}))
        return started[-1]

    yield start
    for server in started:
        server.stop()


class User:
    """A registered user who calls the API's processes."""

    def __init__(self, api: Gunicorn, email: str) -> None:
        body = {"email": email, "password": PASSWORD, "name": "Ada"}
        status, _, session = api.request("POST", "/v1/accounts/register", body)
        assert status == 201, session
        self.api = api
        self.email = email
        self.id: str = session["user"]["id"]
        self.device: str = session["tokens"]["device_id"]
        self.token: str = session["tokens"]["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        status, _, content = self.api.request(method, path, body, headers)
        return status, content

    def add_habit(self, habit: str, name: str = "Run") -> int:
        """Create a habit; its revision."""
        body = {"id": habit, "name": name, "start_date": "2026-01-01"}
        status, row = self.call("POST", "/v1/habits", body)
        assert status in (200, 201), row
        return int(row["rev"])


@pytest.fixture
def user(api: Gunicorn) -> User:
    return User(api, "ada@example.com")


@pytest.fixture
def other(api: Gunicorn) -> User:
    return User(api, "eve@example.com")


@pytest.fixture
def token(settings: Any) -> Callable[..., str]:
    """Make access tokens as the API would."""

    def make(**changes: Any) -> str:
        claims = {
            "iss": settings.public_url,
            "aud": settings.jwt_audience,
            "type": "access",
            "sub": str(uuid4()),
            "sid": str(uuid4()),
            "exp": int(time.time()) + 600,
        }
        return jwt.encode({**claims, **changes}, settings.jwt_secret.get_secret_value(), "HS256")

    return make


@pytest.fixture
def listen(events: Gunicorn) -> Iterator[Callable[..., Listener]]:
    """Open a stream and read its first event."""
    opened: list[Listener] = []

    def start(token: str, server: Gunicorn | None = None) -> Listener:
        listener = (server or events).listen(token)
        assert listener.status == 200
        assert listener.next() == ("resync", {}, "")
        opened.append(listener)
        return listener

    yield start
    for listener in opened:
        listener.close()


@pytest.fixture
def published(valkey: Valkey) -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """What goes over the channel from here on: wait for so many messages."""
    with Redis.from_url(valkey.url) as client, client.pubsub() as subscription:
        subscription.subscribe(CHANNEL)
        assert subscription.get_message(timeout=5)["type"] == "subscribe"

        def take(number: int) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            deadline = time.monotonic() + 10
            while len(found) < number and time.monotonic() < deadline:
                if message := subscription.get_message(timeout=1):
                    found.append(orjson.loads(message["data"]))
            return found

        yield take


@pytest.fixture
def publish(valkey: Valkey) -> Iterator[Callable[[str, Iterable[int]], None]]:
    """Publish revisions of a user as an API worker would."""
    with Redis.from_url(valkey.url) as client:

        def send(user_id: str, revisions: Iterable[int]) -> None:
            for rev in revisions:
                client.publish(CHANNEL, encode(Change(user_id, rev)))

        yield send
