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
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import text

from local.servers import EmbeddedServers
from tests.measure import packages

DAYS = 1000
UP, DOWN = 10, 20
USER = "md5('user ' || n)::uuid"
FILL = f"""
SET session_replication_role = replica;
INSERT INTO users (id, email, name, password_hash)
SELECT {USER}, n || '@example.com', 'A', '' FROM generate_series(%(first)s::int, %(last)s::int) n;
INSERT INTO devices (id, user_id, name, refresh_hash, expires_at)
SELECT {USER}, {USER}, 'phone', '', now() + interval '1 day'
FROM generate_series(%(first)s::int, %(last)s::int) n;
INSERT INTO sync_state (user_id, rev)
SELECT {USER}, {DAYS} + 1 FROM generate_series(%(first)s::int, %(last)s::int) n;
INSERT INTO user_habits (user_id, id, name, schedule, start_date, active, rev, updated_at)
SELECT {USER}, 'run', 'Run', 'daily', '2020-01-01', true, 1, now()
FROM generate_series(%(first)s::int, %(last)s::int) n;
INSERT INTO user_progress (user_id, id, habit_id, date, completed, streak, rev,
    updated_at)
SELECT {USER}, 'run:' || day, 'run', day, true, day - date '2020-01-01' + 1,
    day - date '2020-01-01' + 2, now()
FROM generate_series(%(first)s::int, %(last)s::int) n,
    LATERAL (SELECT date '2020-01-01' + d AS day FROM generate_series(0, {DAYS} - 1) d) days;
SET session_replication_role = origin;
ANALYZE
"""  # noqa: S608 - constants


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


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=500)
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
            measure(servers, arguments.rows, arguments.rounds)
        finally:
            servers.stop()


def measure(servers: EmbeddedServers, sizes: list[int], rounds: int) -> None:
    """Measure on running servers.

    Args:
        servers: to fill.
        sizes: numbers of progress rows, growing.
        rounds: of each kind for each size.
    """
    from app.accounts.tokens import new_access_token
    from app.extensions import db
    from app.factory import create_app

    app = create_app()
    with app.app_context():
        upgrade()
    app.wsgi_app = Metered(app.wsgi_app)  # type: ignore[method-assign]
    settings = app.extensions["settings"]
    least = packages.create_app(
        servers.superuser_url.replace("postgresql:", "postgresql+psycopg:", 1),
        f"redis+{servers.environment()['FIVEBOX_REDIS_URL']}",
        settings.jwt_secret.get_secret_value(),
        settings.jwt_audience,
    )
    least.wsgi_app = Metered(least.wsgi_app)  # type: ignore[method-assign]
    print("| progress rows | | p50, ms | p95, ms | CPU of API, ms | of PostgreSQL, ms |")
    print("|---|---|---|---|---|---|")
    filled = 0
    with psycopg.connect(servers.superuser_url, autocommit=True) as owner:
        for size in sizes:
            users = size // DAYS
            for statement in FILL.split(";"):
                owner.execute(statement, {"first": filled + 1, "last": users})  # type: ignore[arg-type]
            owner.execute("CHECKPOINT")
            filled = users
            ids = owner.execute(
                f"SELECT {USER} FROM generate_series(1, %s::int) n ORDER BY random() LIMIT 50",  # type: ignore[arg-type]  # noqa: S608
                [users],
            ).fetchall()
            with app.app_context():
                tokens = [new_access_token(row[0], row[0], timedelta(hours=1)) for row in ids]
                # One request at a time: the pool has no other connection.
                backend = psutil.Process(db.session.scalar(text("SELECT pg_backend_pid()")))
            with least.app_context():
                session = least.extensions["sqlalchemy"].session
                least_backend = psutil.Process(session.scalar(text("SELECT pg_backend_pid()")))
            # Outside of a context: a request would share it, with the transaction and user in it.
            client, least_client = app.test_client(), least.test_client()
            figures = timed(least_client, tokens, packages_floor, rounds, least_backend)
            tell(size, "floor of the packages", figures)
            for name, act in ACTS.items():
                tell(size, name, timed(client, tokens, act, rounds, backend))


def tell(size: int, name: str, figures: Iterable[float]) -> None:
    """Print a row of the table."""
    print(f"| {size:,} | {name} | " + " | ".join(f"{x:.2f}" for x in figures) + " |", flush=True)


def timed(
    client: FlaskClient,
    tokens: list[str],
    act: Callable[[FlaskClient, dict[str, str]], None],
    rounds: int,
    backend: psutil.Process,
) -> tuple[float, float, float, float]:
    """Median, 95th percentile and CPU times of a round, in ms."""

    def spent() -> tuple[float, float]:
        times = backend.cpu_times()
        return server.seconds, times.user + times.system

    server = client.application.wsgi_app
    headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
    for one in headers:
        act(client, one)
    before, taken = spent(), []
    for _ in range(rounds):
        one = random.choice(headers)  # noqa: S311 - no secret
        begun = time.perf_counter()
        act(client, one)
        taken.append(1000 * (time.perf_counter() - begun))
    api, postgresql = (1000 * (b - a) / rounds for a, b in zip(before, spent(), strict=True))
    cuts = quantiles(taken, n=20)
    return cuts[9], cuts[18], api, postgresql


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


ACTS = {"floor": floor, "round of notes": sync_notes, "round of days": sync_days}


if __name__ == "__main__":
    main()
