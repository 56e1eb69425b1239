"""One JSON object a line, found by its request id, without secrets."""

import json
import logging

import pytest
import structlog


def test_a_request_makes_one_line(register, lines):
    account = register()
    before = len(lines())

    answer = account.client.get(
        "/v1/habits/secret-id", headers={**account.headers, "User-Agent": "Phone/1"}
    )

    (line,) = lines()[before:]
    assert line["event_kind"] == "request"
    assert line["service"] == "fivebox"
    assert line["level"] == "info"
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert (line["method"], line["status"]) == ("GET", 404)
    assert line["route"] == "/v1/habits/<row_id:habit_id>"
    assert line["duration_ms"] > 0
    assert line["user_agent"] == "Phone/1"
    assert line["client_ip"] == "127.0.0.1"
    assert line["user_id"] == account.id
    assert line.keys() >= {"timestamp", "version"}
    assert "secret-id" not in json.dumps(line)


def test_a_stranger_has_no_user_id(client, lines):
    client.get("/v1/habits")

    assert lines()[-1]["user_id"] is None


def test_the_request_id_of_a_caller_is_kept(client):
    answer = client.get("/v1/habits", headers={"X-Request-ID": "caller-0123.x_Y"})

    assert answer.headers["X-Request-ID"] == "caller-0123.x_Y"
    assert answer.get_json()["request_id"] == "caller-0123.x_Y"


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "with space", 'quote"12345', "é" * 10])
def test_an_odd_request_id_is_replaced(client, given):
    answer = client.get("/health/live", headers={"X-Request-ID": given})

    assert answer.headers["X-Request-ID"] != given
    assert len(answer.headers["X-Request-ID"]) == 32


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "given", [f"00-{TRACE}-00f067aa0ba902b7-01", f"cc-{TRACE}-00f067aa0ba902b7-01-later-fields"]
)
def test_the_trace_of_a_caller_is_logged(client, lines, given):
    client.get("/health/live", headers={"traceparent": given, "tracestate": "vendor=1"})
    assert lines()[-1]["trace_id"] == TRACE

    client.get("/health/live")
    assert "trace_id" not in lines()[-1]


@pytest.mark.parametrize(
    "given",
    [
        "",
        TRACE,
        f"00-{TRACE}-00f067aa0ba902b7",
        f"00-{TRACE}-00f067aa0ba902b7-01-more",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
    ],
)
def test_a_malformed_trace_is_none(client, lines, given):
    answer = client.get("/health/live", headers={"traceparent": given})

    assert answer.status_code == 200
    assert "trace_id" not in lines()[-1]


def test_two_requests_have_two_ids(client):
    first, second = (client.get("/health/live").headers["X-Request-ID"] for _ in range(2))

    assert first != second


def test_a_slow_request_is_marked(make_app, lines):
    client = make_app(slow_request_ms=1).test_client()

    client.post("/v1/accounts/login", json={"email": "a@example.com", "password": "some words"})

    assert lines()[-1]["event_kind"] == "slow_request"


def test_an_error_has_its_stack_and_hides_it_from_the_client(make_app, lines):
    app = make_app()

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the inner workings")

    answer = app.test_client().get("/broken")
    fault = next(line for line in lines() if line["event"] == "unhandled error")

    assert answer.status_code == 500
    assert answer.mimetype == "application/problem+json"
    assert "inner workings" not in answer.text
    assert fault["level"] == "error"
    assert fault["request_id"] == answer.get_json()["request_id"]
    assert "Traceback" in fault["exception"]
    assert "RuntimeError: the inner workings" in fault["exception"]


@pytest.mark.parametrize(
    "key", ["password", "new_password", "Authorization", "refresh_token", "Cookie", "jwt_secret"]
)
def test_secret_keys_are_redacted(app, lines, key):
    structlog.get_logger("fivebox").warning("something", **{key: "hush hush"})

    assert lines()[-1][key] == "[redacted]"


@pytest.mark.parametrize(
    "text", ["Bearer abcdefgh.ijkl", "got eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl in a header"]
)
def test_tokens_in_texts_are_redacted(app, lines, text):
    logging.getLogger("a.library").warning(text)

    line = lines()[-1]
    assert line["level"] == "warning"
    assert "[redacted]" in line["event"]
    assert "abcdefgh" not in line["event"]
    assert "eyJ" not in line["event"]


@pytest.mark.parametrize(
    "text",
    [
        "login failed, password=hush-hush.",
        'sent {"refresh_token": "hush-hush", "name": "x"}',
        "{'new_password': 'hush-hush'}",
        "passphrase: hush-hush",
        "Cookie: a=hush-hush; b=hush-hush",
        "cannot reach postgresql://fivebox_app:hush-hush@db/fivebox",
    ],
)
def test_secrets_named_in_texts_are_redacted(app, lines, text):
    logging.getLogger("a.library").warning(text)

    line = lines()[-1]
    assert "[redacted]" in line["event"]
    assert "hush" not in json.dumps(line)


def test_what_only_sounds_secret_stays(app, lines):
    logging.getLogger("a.library").warning("the token of user u1 has expired at 10:30")

    assert lines()[-1]["event"] == "the token of user u1 has expired at 10:30"
