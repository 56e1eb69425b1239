"""Measure what the audit log adds to a write: `python -m scripts.measure_audit`.

The same requests with and without the event, in turns, so that both see the same machine; on
PostgreSQL from a wheel, in this process, without gunicorn or a network.
"""

import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import event
from werkzeug.test import TestResponse

from local.servers import EmbeddedServers

ROUNDS = 20
REQUESTS = 25


def main() -> None:
    """Print a table of milliseconds a request, wall and CPU of the API's process."""
    with tempfile.TemporaryDirectory() as folder:
        servers = EmbeddedServers(Path(folder))
        servers.start()
        try:
            os.environ.update(_environment(servers, folder))
            # Its log lines are no part of the table.
            with redirect_stdout(sys.stderr):
                results = _measure()
        finally:
            servers.stop()
    print("| request | without, wall | with, wall | without, CPU | with, CPU |")
    print("|---|---|---|---|---|")
    for name, (off, on) in results.items():
        wall, cpu = zip(off, on, strict=True)
        print(f"| {name} | {wall[0]:.2f} | {wall[1]:.2f} | {cpu[0]:.2f} | {cpu[1]:.2f} |")


def _environment(servers: EmbeddedServers, folder: str) -> dict[str, str]:
    return {
        **servers.environment(),
        "PROMETHEUS_MULTIPROC_DIR": folder,
        "FIVEBOX_ENVIRONMENT": "test",
        "FIVEBOX_JWT_SECRET": secrets.token_hex(32),
        "FIVEBOX_PASSWORD_PEPPER": secrets.token_hex(32),
        "FIVEBOX_RATE_LIMITS_ENABLED": "false",
        "FIVEBOX_LOG_LEVEL": "WARNING",
    }


def _measure() -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
    from app.factory import create_app

    app = create_app()
    with app.app_context():
        upgrade()
    app.test_cli_runner().invoke(args=["audit", "partitions"])
    client = app.test_client()
    headers = _register(client)
    number = iter(range(10**9))

    def post() -> None:
        habit = {"id": f"h{next(number)}", "name": "Run", "start_date": "2026-01-01"}
        _expect(201, client.post("/v1/habits", json=habit, headers=headers))

    def put() -> None:
        path = f"/v1/habits/h0/progress/2026-01-{1 + next(number) % 28:02}"
        body = {"note": str(next(number))}
        _expect(200, client.put(path, json=body, headers=headers))

    results = {"POST a habit": _compare(app, post)}
    for day in range(1, 29):
        client.put(f"/v1/habits/h0/progress/2026-01-{day:02}", json={}, headers=headers)
    results["PUT a day"] = _compare(app, put)
    return results


def _expect(status: int, answer: TestResponse) -> None:
    if answer.status_code != status:
        raise SystemExit(answer.text)


def _register(client: FlaskClient) -> dict[str, str]:
    body = {"email": "a@example.com", "password": secrets.token_hex(8), "name": "Ada"}
    answer = client.post("/v1/accounts/register", json=body).get_json()
    return {"Authorization": f"Bearer {answer['tokens']['access_token']}"}


def _compare(
    app: Flask, request: Callable[[], None]
) -> tuple[tuple[float, float], tuple[float, float]]:
    from app.audit import writes
    from app.extensions import db

    rounds: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    with app.app_context():
        engine = db.engine
    for turn in range(2 * ROUNDS):
        recording = turn % 2 == 1
        if not recording:
            event.remove(engine, "after_cursor_execute", writes._count)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(REQUESTS):
            request()
        rounds[recording].append((time.perf_counter() - wall, time.process_time() - cpu))
        if not recording:
            event.listen(engine, "after_cursor_execute", writes._count)
    return _median(rounds[False]), _median(rounds[True])


def _median(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    wall, cpu = (
        statistics.median(column) / REQUESTS * 1000 for column in zip(*rounds, strict=True)
    )
    return wall, cpu


if __name__ == "__main__":
    main()
