"""Who gets no stream, and why: the same problems as from the API."""

import json
import os
import subprocess
import sys
import time
from uuid import uuid4

import pytest

from tests.waiting import wait_until

ORIGIN = "https://app.example.com"


def assert_problem(answer, status: int) -> dict:
    found, headers, body = answer
    assert found == status, body
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Request-ID"] == body["request_id"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert body["status"] == status
    assert body["type"].startswith("urn:fivebox:problem:")
    return body


def ask(server, token: str | None, method: str = "GET", path: str = "/v1/events", **headers: str):
    given = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return server.request(method, path, None, {**given, **headers})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": int(time.time()) - 1}, "expired"),
        ({"iss": "https://elsewhere.example"}, "invalid"),
        ({"aud": "another-api"}, "invalid"),
        ({"type": "refresh"}, "invalid"),
        ({"sub": "nonsense"}, "invalid"),
        ({"sid": None}, "invalid"),
        ({"nbf": int(time.time()) + 3600}, "invalid"),
    ],
)
def test_a_token_with_one_wrong_claim_opens_no_stream(events, token, changes, reason):
    assert assert_problem(ask(events, token(**changes)), 401)["reason"] == reason


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer x", "eyJ.e30.x", "Basic YTpi"])
def test_without_a_token_there_is_no_stream(events, value):
    answer = events.request("GET", "/v1/events", None, {"Authorization": value} if value else None)

    assert assert_problem(answer, 401)["reason"] == (
        "invalid" if value == "Bearer x" else "missing"
    )
    assert answer[1]["WWW-Authenticate"].startswith("Bearer")


def test_a_user_has_so_many_streams_and_no_more(start_events, token, listen):
    server = start_events(FIVEBOX_STREAMS_PER_USER="2")
    mine = token(sub=str(uuid4()))
    first, _ = listen(mine, server), listen(mine, server)

    answer = ask(server, mine)

    assert_problem(answer, 429)
    assert int(answer[1]["Retry-After"]) > 0
    assert listen(token(), server)
    first.close()
    wait_until(lambda: server.metric("events_streams_open") == 2)
    assert listen(mine, server)
    assert server.metric('events_streams_refused_total{status="429"}') == 1


def test_the_process_has_so_many_streams_and_no_more(start_events, token, listen):
    server = start_events(FIVEBOX_STREAMS_TOTAL="2")
    first, _ = listen(token(), server), listen(token(), server)

    answer = ask(server, token())

    assert_problem(answer, 503)
    assert int(answer[1]["Retry-After"]) > 0
    first.close()
    wait_until(lambda: server.metric("events_streams_open") == 1)
    assert listen(token(), server)


def test_maintenance_opens_no_stream(events, token, settings, listen):
    listener = listen(token())
    settings.maintenance_file.touch()
    try:
        answer = ask(events, token())
        assert events.request("GET", "/health/live")[0] == 200
    finally:
        settings.maintenance_file.unlink()

    assert_problem(answer, 503)
    assert answer[1]["Retry-After"] == str(settings.maintenance_retry_seconds)
    listener.close()


def test_other_paths_and_methods_are_problems(events, token):
    assert_problem(ask(events, token(), path="/v1/habits"), 404)
    for method in ("POST", "PUT", "DELETE"):
        answer = ask(events, token(), method)
        assert_problem(answer, 405)
        assert answer[1]["Allow"] == "GET, OPTIONS"


def test_a_browser_of_an_allowed_origin_may_ask(start_events, token, listen):
    server = start_events(FIVEBOX_CORS_ORIGINS=ORIGIN)

    status, headers, _ = ask(server, None, "OPTIONS", Origin=ORIGIN)

    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Authorization" in headers["Access-Control-Allow-Headers"]
    refused = ask(server, None, Origin=ORIGIN)
    assert_problem(refused, 401)
    assert refused[1]["Access-Control-Allow-Origin"] == ORIGIN
    stream = server.listen(token(), Origin=ORIGIN)
    assert stream.answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert stream.answer.headers["Vary"] == "Origin"
    stream.close()


def test_a_browser_of_another_origin_may_not(start_events):
    server = start_events(FIVEBOX_CORS_ORIGINS=ORIGIN)

    for given in ("https://evil.example", "null"):
        headers = ask(server, None, "OPTIONS", Origin=given)[1]
        assert not [name for name in headers if name.startswith("Access-Control")]


def test_the_log_has_one_line_a_stream_and_no_token(start_events, token, variables):
    server = start_events(FIVEBOX_PROXY_HOPS="1")
    user = str(uuid4())
    mine = token(sub=user)
    headers = {"X-Forwarded-For": "10.0.0.1, 203.0.113.7", "X-Request-ID": "stream-0001"}
    listener = server.listen(mine, **headers)
    assert listener.answer.headers["X-Request-ID"] == "stream-0001"
    listener.next()
    listener.close()
    wait_until(lambda: server.metric("events_streams_open") == 0)

    lines = [json.loads(x) for x in server.log.read_text().splitlines() if x.startswith("{")]
    (line,) = [x for x in lines if x.get("request_id") == "stream-0001"]
    assert (line["route"], line["status"], line["reason"]) == ("/v1/events", 200, "gone")
    assert (line["user_id"], line["client_ip"]) == (user, "203.0.113.7")
    assert mine not in server.log.read_text()


def test_faulty_settings_are_named(run, variables):
    done = run("import wsgi_events", {**variables, "FIVEBOX_STREAMS_PER_USER": "0"})

    assert done.returncode == 1
    assert "FIVEBOX_STREAMS_PER_USER:" in done.stderr


def test_the_process_carries_neither_framework_nor_database(run, variables):
    done = run("import sys, wsgi_events; print(*sys.modules)", variables)

    modules = set(done.stdout.split())
    assert "gevent" in modules
    assert modules & {"flask", "werkzeug", "apiflask", "sqlalchemy", "psycopg"} == set()


@pytest.fixture
def run(project):
    """Run Python code in a process of its own."""

    def execute(code: str, variables: dict[str, str]) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **variables},
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )

    return execute
