"""What a round of sync costs, in small and large tables: `python -m tests.measure.sync`.

A round is what RxDB sends: 10 changed rows up, 20 changed rows down; two requests of a user whose
habit has 1,000 days. The floor is two requests that only log in and read one row; that of the
packages are two by an application of a few lines (`tests/measure/packages.py`), in the same turns.
"""

import argparse
import os
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
import psycopg
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import text

from local.servers import EmbeddedServers
from tests.measure import packages

DAYS = 1000
UP, DOWN = 10, 20
BLOCK = 20
USER = "md5(current_database() || n)::uuid"
FILL = f"""
SET session_replication_role = replica;
INSERT INTO users (id, email, name, password_hash)
SELECT {USER}, n || '@example.com', 'A', '' FROM generate_series(1, %(users)s::int) n;
INSERT INTO devices (id, user_id, name, refresh_hash, expires_at)
SELECT {USER}, {USER}, 'phone', '', now() + interval '1 day'
FROM generate_series(1, %(users)s::int) n;
INSERT INTO sync_state (user_id, rev)
SELECT {USER}, {DAYS} + 1 FROM generate_series(1, %(users)s::int) n;
INSERT INTO user_habits (user_id, id, name, schedule, start_date, active, rev, updated_at)
SELECT {USER}, 'run', 'Run', 'daily', '2020-01-01', true, 1, now()
FROM generate_series(1, %(users)s::int) n;
INSERT INTO user_progress (user_id, id, habit_id, date, completed, streak, rev,
    updated_at)
SELECT {USER}, 'run:' || day, 'run', day, true, day - date '2020-01-01' + 1,
    day - date '2020-01-01' + 2, now()
FROM generate_series(1, %(users)s::int) n,
    LATERAL (SELECT date '2020-01-01' + d AS day FROM generate_series(0, {DAYS} - 1) d) days;
SET session_replication_role = origin;
VACUUM ANALYZE;
CHECKPOINT
"""  # noqa: S608 - constants
Act = Callable[[FlaskClient, dict[str, str]], None]


class Metered:
    """A WSGI application whose CPU time is counted, without that of its client here."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self.seconds = 0.0

    def __call__(self, *arguments: Any) -> Iterable[bytes]:
        begun = time.thread_time()
        body = list(self.application(*arguments))
        self.seconds += time.thread_time() - begun
        return body


class Caller:
    """Who makes rounds with an application, and what they took."""

    def __init__(self, application: Flask, tokens: list[str]) -> None:
        """Prepare for rounds by the owners of these tokens."""
        application.wsgi_app = Metered(application.wsgi_app)  # type: ignore[method-assign]
        with application.app_context():
            session = application.extensions["sqlalchemy"].session
            # One request at a time: the pool has no other connection.
            self.backend = psutil.Process(session.scalar(text("SELECT pg_backend_pid()")))
        # Outside of a context: a request would share it, with the transaction and user in it.
        self.client = application.test_client()
        self.headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
        self.begin()

    def begin(self) -> None:
        """Forget the rounds so far."""
        self.taken: list[float] = []
        self.spent = [0.0, 0.0]

    def make(self, act: Act, rounds: int) -> None:
        """Make rounds, each for somebody."""
        before = self._cpu()
        for _ in range(rounds):
            one = random.choice(self.headers)  # noqa: S311 - no secret
            begun = time.perf_counter()
            act(self.client, one)
            self.taken.append(1000 * (time.perf_counter() - begun))
        for part, (now, then) in enumerate(zip(self._cpu(), before, strict=True)):
            self.spent[part] += 1000 * (now - then)

    def figures(self) -> tuple[float, float, float, float]:
        """Median, 95th percentile and CPU times of a round, in ms."""
        cuts = quantiles(self.taken, n=20)
        api, postgresql = (spent / len(self.taken) for spent in self.spent)
        return cuts[9], cuts[18], api, postgresql

    def _cpu(self) -> tuple[float, float]:
        times = self.backend.cpu_times()
        return self.client.application.wsgi_app.seconds, times.user + times.system


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=[10_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fivebox-measure-") as name:
        servers = EmbeddedServers(Path(name))
        servers.start()
        try:
            os.environ.update(
                servers.environment(),
                FIVEBOX_ENVIRONMENT="test",
                FIVEBOX_JWT_SECRET=secrets.token_hex(32),
                FIVEBOX_PASSWORD_PEPPER=secrets.token_hex(32),
                FIVEBOX_LOG_LEVEL="ERROR",
                FIVEBOX_RATE_LIMIT_DEFAULT="100000000 per hour",
                FIVEBOX_RATE_LIMIT_SYNC="100000000 per hour",
            )
            compare(servers, arguments.rows, arguments.rounds)
        finally:
            servers.stop()


def compare(servers: EmbeddedServers, sizes: list[int], rounds: int) -> None:
    """Measure on running servers.

    Args:
        servers: to make and fill databases on.
        sizes: numbers of progress rows, the small and the large.
        rounds: of each kind for each size.
    """
    callers = {size: _callers(servers, size) for size in sizes}
    print("| progress rows | | p50, ms | p95, ms | CPU of API, ms | of PostgreSQL, ms |")
    print("|---|---|---|---|---|---|")
    for name, act in ACTS.items():
        beside = {size: both[act is packages_floor] for size, both in callers.items()}
        for caller in beside.values():
            caller.make(act, 2 * len(caller.headers))
            caller.begin()
        for _ in range(rounds // BLOCK):
            for caller in beside.values():
                caller.make(act, BLOCK)
        small, large = (caller.figures() for caller in beside.values())
        for size, figures in zip(sizes, (small, large), strict=True):
            tell(f"{size:,}", name, figures)
        tell("ratio", name, (b / a for a, b in zip(small, large, strict=True)))


def _callers(servers: EmbeddedServers, size: int) -> tuple[Caller, Caller]:
    """Those of the API, and of the packages alone, on a new database with so many rows."""
    from app.accounts.tokens import new_access_token
    from app.factory import create_app

    def of_size(url: str) -> str:
        return url.replace("/fivebox?", f"/rows_{size}?")

    servers.create_database(f"rows_{size}")
    for name in ("FIVEBOX_DATABASE_URL", "FIVEBOX_DATABASE_OWNER_URL"):
        os.environ[name] = of_size(servers.environment()[name])
    app = create_app()
    with app.app_context():
        upgrade()
    url = of_size(servers.superuser_url)
    with psycopg.connect(url, autocommit=True) as owner:
        for statement in FILL.split(";"):
            owner.execute(statement, {"users": size // DAYS})  # type: ignore[arg-type]
        ids = owner.execute("SELECT id FROM users ORDER BY random() LIMIT 50").fetchall()
    settings = app.extensions["settings"]
    least = packages.create_app(
        url.replace("postgresql:", "postgresql+psycopg:", 1),
        f"redis+{servers.environment()['FIVEBOX_REDIS_URL']}",
        settings.jwt_secret.get_secret_value(),
        settings.jwt_audience,
    )
    with app.app_context():
        tokens = [new_access_token(row[0], row[0], timedelta(hours=1)) for row in ids]
    return Caller(app, tokens), Caller(least, tokens)


def tell(size: str, name: str, figures: Iterable[float]) -> None:
    """Print a row of the table."""
    print(f"| {size} | {name} | " + " | ".join(f"{x:.2f}" for x in figures) + " |", flush=True)


def floor(client: FlaskClient, headers: dict[str, str]) -> None:
    """Two requests that do nearly nothing."""
    for _ in range(2):
        assert client.get("/v1/habits/run", headers=headers).status_code == 200


def packages_floor(client: FlaskClient, headers: dict[str, str]) -> None:
    """The same by the packages alone."""
    for _ in range(2):
        assert client.get("/habits/run", headers=headers).status_code == 200


def sync_notes(client: FlaskClient, headers: dict[str, str]) -> None:
    """10 rows up, 20 down; the notes of days."""
    sync_round(client, headers, lambda _known: {"note": secrets.token_hex(4)})


def sync_days(client: FlaskClient, headers: dict[str, str]) -> None:
    """10 rows up, 20 down; whether days are done, which streaks follow from."""
    sync_round(client, headers, lambda known: {"completed": not known["completed"]})


def sync_round(
    client: FlaskClient,
    headers: dict[str, str],
    change: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Pull, change some of what came, and push it."""
    query = f"rev={DAYS - 2 * DOWN}&id=&limit={DOWN}"
    pulled = client.get(f"/v1/sync/progress/pull?{query}", headers=headers)
    documents = pulled.get_json()["documents"]
    assert len(documents) == DOWN, pulled.text
    body: list[dict[str, Any]] = []
    for known in random.sample(documents, UP):
        new = {**known, **change(known)}
        body.append({"newDocumentState": new, "assumedMasterState": known})
    pushed = client.post("/v1/sync/progress/push", json=body, headers=headers)
    assert (pushed.status_code, pushed.get_json()) == (200, []), pushed.text


ACTS: dict[str, Act] = {
    "floor of the packages": packages_floor,
    "floor": floor,
    "round of notes": sync_notes,
    "round of days": sync_days,
}


if __name__ == "__main__":
    main()
