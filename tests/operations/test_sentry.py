"""Reports to Sentry: sent only with a DSN, and without anything secret or private."""

import gzip
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest
import sentry_sdk

from app.accounts.authentication import auth
from app.settings import Environment

SECRETS = (
    "Bearer-secret",
    "cookie-secret",
    "body-secret",
    "query-secret",
    "path-secret",
    "person@example.com",
    "local-variable-secret",
    "password-secret",
    "passphrase-secret",
    "refresh-secret",
    "database-secret",
)


class Receiver(ThreadingHTTPServer):
    """Takes envelopes as Sentry does, and keeps their bytes and items."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[bytes] = []

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.server_address[1]}/1"

    @property
    def events(self) -> list[dict]:
        return [item for item in map(_parse, self.received) if "type" not in item]

    @property
    def traces(self) -> list[dict]:
        return [item for item in map(_parse, self.received) if item.get("type") == "transaction"]


def _parse(envelope: bytes) -> dict:
    # One line each for the envelope, the item and its payload.
    return orjson.loads(envelope.split(b"\n")[2])


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append(body)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reporting(make_app, receiver):
    """Build a client of an app that reports and has an endpoint with a fault."""

    def make(**changes):
        app = make_app(sentry_dsn=receiver.dsn, **changes)

        @app.post("/v1/fail/<name>")
        @app.auth_required(auth)
        def fail(name: str) -> dict:
            # Put together: a report shows the lines of code around the fault.
            password = "-".join(("local", "variable", "secret"))
            try:
                raise ValueError("postgresql://app:" + "-".join(("database", "secret")) + "@db/x")
            except ValueError as error:
                told = ("password", "passphrase", "refresh")
                named = [f"{'refresh_token' if n == 'refresh' else n}={n}-secret" for n in told]
                raise RuntimeError(
                    f"no mail to person@example.com: Bearer eyJa.b.c {len(password)} {named}"
                ) from error

        return app.test_client()

    yield make
    # The client belongs to the process.
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def fail(client, account):
    answer = client.post(
        "/v1/fail/path-secret?token=query-secret",
        json={"note": "body-secret"},
        headers={
            **account.headers,
            "Cookie": "session=cookie-secret",
            "X-Api-Key": "Bearer-secret",
            "User-Agent": "Five/1.0",
        },
    )
    sentry_sdk.flush(5)
    return answer


def test_a_fault_is_reported(reporting, receiver, register):
    account = register()

    answer = fail(reporting(), account)

    assert answer.status_code == 500
    assert answer.get_json()["type"] == "urn:fivebox:problem:internal-error"
    (event,) = receiver.events
    types = [fault["type"] for fault in event["exception"]["values"]]
    assert types == ["ValueError", "RuntimeError"]
    assert event["transaction"] == "/v1/fail/<name>"
    assert event["environment"] == "test"
    assert event["release"].startswith("fivebox@")
    assert event["request"] == {
        "method": "POST",
        "headers": {
            "Content-Length": "22",
            "Content-Type": "application/json",
            "User-Agent": "Five/1.0",
        },
    }


def test_a_report_holds_nothing_secret_or_private(reporting, receiver, register, settings):
    account = register()

    fail(reporting(), account)

    (envelope,) = receiver.received
    text = envelope.decode()
    assert "no mail to [redacted]: [redacted] 21" in text
    for secret in (
        *SECRETS,
        account.id,
        account.email,
        account.tokens["access_token"],
        account.tokens["access_token"].split(".")[2],
        settings.jwt_secret.get_secret_value(),
        settings.password_pepper.get_secret_value(),
        "127.0.0.1",
    ):
        assert secret not in text.replace(receiver.dsn, ""), secret


def test_what_is_no_fault_is_not_reported(reporting, receiver, register, client):
    account = register()
    client = reporting()

    client.get("/v1/habits/none", headers=account.headers)
    client.get("/v1/habits")
    client.post("/v1/accounts/login", json={})
    sentry_sdk.flush(5)

    assert receiver.received == []


@pytest.fixture
def production(settings):
    """The settings that make an application one of production."""
    return {
        "environment": Environment.PRODUCTION,
        "database_url": str(settings.database_url).replace(
            "fivebox_app@", f"fivebox_app:{'x' * 16}@"
        ),
        "public_url": "https://api.example.com",
    }


def test_in_production_one_request_in_ten_is_traced(reporting, production):
    reporting(**production)

    assert sentry_sdk.get_client().options["traces_sample_rate"] == 0.1


def test_elsewhere_none_is(reporting):
    reporting()

    assert sentry_sdk.get_client().options["traces_sample_rate"] == 0


def test_a_trace_holds_nothing_private(reporting, receiver, register, monkeypatch):
    account = register()
    client = reporting()
    monkeypatch.setitem(sentry_sdk.get_client().options, "traces_sample_rate", 1.0)

    fail(client, account)

    (trace,) = receiver.traces
    assert trace["transaction"] == "/v1/fail/<name>"
    for secret in (*SECRETS, account.id, account.tokens["access_token"]):
        assert secret not in str(receiver.received), secret


@pytest.mark.parametrize("dsn", [None, "http://public@127.0.0.1:9/1"])
def test_it_is_loaded_only_with_a_dsn(environment, project, dsn):
    variables = {**os.environ, **environment}
    if dsn:
        variables["FIVEBOX_SENTRY_DSN"] = dsn
    program = (
        "import sys, app.factory; app.factory.create_app(); print('sentry_sdk' in sys.modules)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=variables,
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )

    assert printed.stdout.splitlines()[-1] == str(bool(dsn))
