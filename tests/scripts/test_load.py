"""The load tool, and the client's story that verify.yml tells by it, against a served API."""

import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from werkzeug.serving import make_server

from scripts.public import LIMITED

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "api.example.com"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[APIFlask], list[str]]]:
    """Serve an application by TLS; returns the words of the command line that lead there."""
    files = [str(tmp_path / name) for name in ("certificate.pem", "key.pem")]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    names = ["-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN}"]
    command = ["openssl", "req", "-x509", *curve, *names, "-out", files[0], "-keyout", files[1]]
    subprocess.run(command, check=True, capture_output=True)
    # Counters of the limits outlive a test.
    client = f"2001:db8:{secrets.token_hex(2)}::1"
    running = []

    def start(app: APIFlask) -> list[str]:
        def wsgi(environment: dict[str, Any], answer: Any) -> Any:
            return app({**environment, "REMOTE_ADDR": client}, answer)

        server = make_server("127.0.0.1", 0, wsgi, threaded=True, ssl_context=tuple(files))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return [DOMAIN, "--address=127.0.0.1", f"--port={server.port}", f"--ca={files[0]}"]

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def load(place: list[str], *options: str) -> tuple[int, str, str]:
    """Exit status, output and errors of a short load."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.load", *place, "--rate=20", "--seconds=1", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def accounts(connection: psycopg.Connection) -> list[bool]:
    """Of each account, whether it waits for its removal."""
    rows = connection.execute("SELECT deletion_requested_at IS NOT NULL FROM users").fetchall()
    return [row[0] for row in rows]


def test_the_answers_are_checked_and_the_account_is_deleted(
    app: APIFlask,
    serve: Callable[[APIFlask], list[str]],
    owner_connection: psycopg.Connection,
) -> None:
    status, told, errors = load(serve(app), "--story")
    assert status == 0, told + errors
    figures = json.loads(told)
    assert (figures["requests"], figures["failed"], figures["faults"]) == (20, 0, [])
    assert accounts(owner_connection) == [True]


def test_it_goes_on_when_its_tokens_end(
    app: APIFlask, serve: Callable[[APIFlask], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["settings"]
    soon = settings.model_copy(update={"access_token_minutes": 0.05})
    monkeypatch.setitem(app.extensions, "settings", soon)
    status, told, errors = load(serve(app), "--seconds=5")
    assert status == 0, told + errors


def test_a_fault_is_told_and_the_account_is_deleted(
    make_app: Callable[..., APIFlask],
    serve: Callable[[APIFlask], list[str]],
    owner_connection: psycopg.Connection,
) -> None:
    broken = make_app()

    @broken.before_request
    def fail() -> tuple[str, int] | None:
        from flask import request

        return ("broken", 500) if request.path.startswith("/v1/habits") else None

    status, told, _ = load(serve(broken), "--story")
    assert status == 1
    figures = json.loads(told)
    assert figures["failed"] > 20
    assert "story POST /v1/habits answers 500, not 201" in figures["faults"][0]
    assert accounts(owner_connection) == [True]


def test_verifying_again_and_again_is_within_the_limits(
    make_app: Callable[..., APIFlask],
    serve: Callable[[APIFlask], list[str]],
    owner_connection: psycopg.Connection,
) -> None:
    place = serve(make_app(rate_limits_enabled=True))
    for _ in range(3):
        status, told, errors = load(place, "--story")
        assert status == 0, told + errors
    assert accounts(owner_connection) == [True, True, True]


def test_a_limit_that_is_reached_is_named(
    make_app: Callable[..., APIFlask],
    serve: Callable[[APIFlask], list[str]],
    owner_connection: psycopg.Connection,
) -> None:
    place = serve(make_app(rate_limits_enabled=True, rate_limit_login="2 per 15 minutes"))
    # Each account follows five.
    status, told, errors = load(place, "--streams=10")
    assert (status, told) == (LIMITED, "")
    assert errors.startswith(f"{DOMAIN} is not judged under load: the account was refused: this")
    assert "fivebox_rate_limit_login" in errors
    assert len(errors.splitlines()) == 1
    assert accounts(owner_connection) == [True, True]


@pytest.mark.parametrize("answer", [500, 403])
def test_an_account_that_is_refused_otherwise_is_a_fault(
    make_app: Callable[..., APIFlask], serve: Callable[[APIFlask], list[str]], answer: int
) -> None:
    broken = make_app()

    @broken.before_request
    def fail() -> tuple[str, int]:
        return "broken", answer

    status, told, errors = load(serve(broken), "--story")
    assert (status, told) == (1, "")
    assert errors == f"{DOMAIN}: the account was refused with {answer}: broken\n"


def test_a_limit_after_the_account_was_made_is_a_fault(
    make_app: Callable[..., APIFlask], serve: Callable[[APIFlask], list[str]]
) -> None:
    broken = make_app()

    @broken.before_request
    def fail() -> tuple[str, int] | None:
        from flask import request

        return ("broken", 429) if request.path.startswith("/v1/habits") else None

    status, told, _ = load(serve(broken), "--story")
    assert status == 1
    assert json.loads(told)["failed"] > 20


def test_the_load_ends_before_its_account_may_ask_no_more(
    make_app: Callable[..., APIFlask],
    serve: Callable[[APIFlask], list[str]],
    owner_connection: psycopg.Connection,
) -> None:
    place = serve(make_app(rate_limits_enabled=True, rate_limit_default="40 per 15 minutes"))
    status, told, errors = load(place, "--seconds=10")
    assert status == 1, errors
    figures = json.loads(told)
    assert 20 < figures["requests"] < 40
    assert "one user may ask 40 times: raise fivebox_rate_limit" in figures["faults"][0]
    assert figures["failed"] == 1
    assert accounts(owner_connection) == [True]
