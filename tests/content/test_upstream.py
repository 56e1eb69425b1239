"""Content of an upstream: fetched when it is old, kept when the upstream is gone."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from app.content import upstream as drawing
from tests.content.conftest import ADMIN, PUBLIC, recipe
from tests.content.server import Answering, send, trickle
from tests.waiting import GIVE_UP_SECONDS, wait_until

KEY = "upstream-key-0123456789"


@pytest.fixture
def server() -> Iterator[Answering]:
    running = Answering()
    yield running
    running.stop()


@pytest.fixture
def serve(server) -> Callable[..., None]:
    """Let the upstream serve these recipes, with an ETag that it compares."""

    def set_up(*titles: str, etag: str = '"one"') -> None:
        documents = [{"id": title.lower(), **recipe(title)} for title in titles]
        body = json.dumps({"documents": documents}).encode()

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if handler.headers.get("If-None-Match") == etag:
                send(handler, 304)
            else:
                send(handler, 200, body, ETag=etag)

        server.answer = answer

    return set_up


@pytest.fixture
def far(kitchen, server) -> Callable[..., Any]:
    """An application whose content comes from the upstream."""

    def make(**changes: Any):
        settings = {"content_url": f"{server.url}/v9/", "content_key": KEY, **changes}
        return kitchen(**settings)

    return make


@pytest.fixture
def refresh(far) -> Callable[..., str]:
    """Fetch by the command; returns what it printed."""

    def run(**changes: Any) -> str:
        result = far(**changes).test_cli_runner().invoke(args=["content", "refresh"])
        assert (result.exit_code == 1) == ("failed" in result.output), result.output
        return result.output.strip().splitlines()[-1]

    return run


def titles(client) -> list[str]:
    return [item["data"]["title"] for item in client.get(PUBLIC).get_json()["items"]]


@pytest.fixture
def grow_old(owner_connection) -> Callable[[], None]:
    """Make what was fetched due again."""

    def change() -> None:
        owner_connection.execute("UPDATE content_sources SET next_fetch_at = now()")

    return change


def test_the_first_reader_waits_for_the_first_fetch(far, server, serve):
    serve("Bread", "Cake")

    assert titles(far().test_client()) == ["Bread", "Cake"]
    ((method, path, headers),) = server.requests
    assert (method, path) == ("GET", "/v9/recipes.json")
    assert headers["Authorization"] == f"Bearer {KEY}"


def test_without_a_key_none_is_sent(far, server, serve):
    serve("Bread")
    far(content_key=None).test_client().get(PUBLIC)

    assert "Authorization" not in server.requests[0][2]


def test_fresh_content_is_not_fetched(far, server, serve):
    serve("Bread")
    far().test_client().get(PUBLIC)

    assert titles(far().test_client()) == ["Bread"]
    assert len(server.requests) == 1


def test_one_worker_looks_seldom(far, server, serve, grow_old):
    serve("Bread")
    client = far().test_client()
    client.get(PUBLIC)
    grow_old()
    client.get(PUBLIC)

    assert len(server.requests) == 1


def test_old_content_is_fetched_again_behind_the_readers(far, server, serve, grow_old):
    serve("Bread")
    far().test_client().get(PUBLIC)
    serve("Bread", "Cake", etag='"two"')
    asked, may_answer = threading.Event(), threading.Event()
    answer = server.answer

    def slow(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        assert may_answer.wait(10)
        answer(handler)

    server.answer = slow
    grow_old()
    client = far().test_client()

    assert titles(client) == ["Bread"]
    assert asked.wait(10)
    # Other workers leave it to the one that asks.
    assert titles(far().test_client()) == ["Bread"]
    may_answer.set()
    wait_until(lambda: titles(client) == ["Bread", "Cake"])
    assert len(server.requests) == 2


def test_what_did_not_change_is_not_sent_again(refresh, server, serve):
    serve("Bread")

    assert refresh() == "recipes: changed"
    assert refresh() == "recipes: unchanged"
    assert server.requests[1][2]["If-None-Match"] == '"one"'
    assert refresh(content_url=f"{server.url}/v10") == "recipes: unchanged"
    assert "If-None-Match" not in server.requests[2][2]


def test_the_upstream_owns_what_it_serves(refresh, serve, put, call, far, admin):
    put("bread", "Local bread")
    put("cake", "Local cake")
    serve("Bread", "Stew")
    refresh()
    client = far().test_client()

    def write(method: str, path: str, json: Any = None) -> int:
        return client.open(path, method=method, json=json, headers=admin.headers).status_code

    assert titles(client) == ["Bread", "Local cake", "Stew"]
    assert write("PUT", f"{ADMIN}/bread", recipe("Mine")) == 409
    assert write("DELETE", f"{ADMIN}/bread") == 409
    assert write("POST", f"{ADMIN}/bread/revert", {"version": 1}) == 409
    assert write("POST", ADMIN, {"documents": [{"id": "stew", **recipe("Mine")}]}) == 409
    assert write("PUT", f"{ADMIN}/bread", recipe("Bread")) == 200
    assert write("PUT", f"{ADMIN}/cake", recipe("Mine")) == 200
    # Without an upstream all is local.
    assert call("PUT", f"{ADMIN}/bread", recipe("Mine")).status_code == 200


def test_what_the_upstream_drops_goes_and_may_come_back(refresh, serve, far):
    serve("Bread", "Cake")
    refresh()
    serve("Cake", etag='"two"')
    assert refresh() == "recipes: changed"
    assert titles(far().test_client()) == ["Cake"]
    serve("Bread", "Cake", etag='"three"')
    refresh()

    assert titles(far().test_client()) == ["Bread", "Cake"]


def test_what_the_upstream_does_not_serve_stays_local(refresh, put, anyone, server):
    put("bread", "Bread")

    assert refresh() == "recipes: absent"
    assert titles(anyone) == ["Bread"]


@pytest.fixture
def broken(server) -> Callable[[str], None]:
    """Break the upstream in some way."""
    huge = b" " * (drawing.MAX_BYTES + 1)
    twice = json.dumps({"documents": [{"id": "a", **recipe()}] * 2}).encode()
    misfit = json.dumps({"documents": [{"id": "good", **recipe()}, {"id": "bad", "data": {}}]})

    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"documents": [')
        handler.close_connection = True

    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
        "error": lambda h: send(h, 500),
        "refused": lambda h: send(h, 401),
        "gone": lambda h: send(h, 404),
        "elsewhere": lambda h: send(h, 302, Location="http://127.0.0.1:9/"),
        "garbage": lambda h: send(h, 200, b"<html>"),
        "list": lambda h: send(h, 200, b"[]"),
        "number": lambda h: send(h, 200, b'{"documents": 1}'),
        "nothing": lambda h: send(h, 200, b'{"documents": []}'),
        "items": lambda h: send(h, 200, b'{"documents": [1]}'),
        "twice": lambda h: send(h, 200, twice),
        "misfit": lambda h: send(h, 200, misfit.encode()),
        "huge": lambda h: send(h, 200, huge),
        "bomb": lambda h: send(h, 200, gzip.compress(huge), Content_Encoding="gzip"),
        "badly packed": lambda h: send(h, 200, b"no gzip", Content_Encoding="gzip"),
        "cut": cut,
    }

    def set_up(kind: str) -> None:
        if kind == "outage":
            server.stop()
        else:
            server.answer = answers[kind]

    return set_up


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("outage", "did not answer: NewConnectionError"),
        ("error", "answered 500"),
        ("refused", "answered 401"),
        ("gone", "answered 404 for a collection that it had"),
        ("elsewhere", "answered 302"),
        ("garbage", "not JSON"),
        ("list", 'not an object with a list "documents"'),
        ("number", 'not an object with a list "documents"'),
        ("nothing", "has no document left"),
        ("items", "document 1: is not an object"),
        ("twice", "document 2 (a): is there twice"),
        ("misfit", "document 2 (bad): data.title: is required"),
        ("huge", "answered more than"),
        ("bomb", "answered more than"),
        ("badly packed", "did not answer: DecodeError"),
        ("cut", "did not answer: ProtocolError"),
    ],
)
def test_stale_content_outlives_a_broken_upstream(far, refresh, serve, broken, kind, reason):
    serve("Bread")
    refresh()
    broken(kind)

    said = refresh()
    client = far().test_client()

    assert said.startswith("recipes: failed")
    assert reason in said
    assert KEY not in said
    assert titles(client) == ["Bread"]


def test_it_recovers(far, refresh, serve, broken):
    serve("Bread")
    refresh()
    broken("error")
    refresh()
    serve("Bread", "Cake", etag='"two"')

    assert refresh() == "recipes: changed"
    assert content_health(far())["status"] == "up"


def test_a_trickling_body_is_cut_off(refresh, server, monkeypatch):
    monkeypatch.setattr(drawing, "TOTAL_SECONDS", 0.3)
    ended = threading.Event()

    def dribble(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        try:
            while not ended.wait(0.02):
                handler.wfile.write(b" ")
        except OSError:
            pass

    server.answer = dribble

    assert "took longer than" in refresh()
    ended.set()


def test_a_trickling_header_is_cut_off(refresh, server, monkeypatch):
    monkeypatch.setattr(drawing, "TOTAL_SECONDS", 0.3)
    gone = threading.Event()
    server.answer = lambda handler: trickle(handler, gone)

    assert "took longer than 0.3 s" in refresh()
    # Its thread is free again.
    assert gone.wait(GIVE_UP_SECONDS)


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("kind", ["ran out", "another has it"])
def test_a_fetch_whose_lease_is_over_is_not_stored(
    refresh, server, anyone, owner_connection, monkeypatch, kind, status
):
    document = {"id": "bread", **recipe("Old bread")}
    body = json.dumps({"documents": [document]}).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if kind == "another has it":
            owner_connection.execute("UPDATE content_sources SET next_fetch_at = now() + '1 hour'")
        send(handler, status, body)

    server.answer = answer
    if kind == "ran out":
        monkeypatch.setattr(drawing, "LEASE", timedelta(seconds=-1))

    assert refresh() == "recipes: busy"
    assert titles(anyone) == []
    found = owner_connection.execute("SELECT fetched_at, error FROM content_sources").fetchall()
    assert found == [(None, None)]


def test_silence_is_cut_off(refresh, server, far):
    ended = threading.Event()
    server.answer = lambda _: ended.wait(10)
    app = far()
    app.extensions["content_upstream"].http.connection_pool_kw["timeout"] = 0.3

    result = app.test_cli_runner().invoke(args=["content", "refresh"])

    ended.set()
    assert result.output.startswith("recipes: failed (did not answer: ReadTimeoutError")


def test_the_first_reader_does_not_wait_for_ever(far, server, monkeypatch, put):
    put("bread", "Bread")
    monkeypatch.setattr(drawing, "FIRST_SECONDS", 0.1)
    ended = threading.Event()
    server.answer = lambda handler: (ended.wait(10), send(handler, 404))

    found = titles(far().test_client())

    ended.set()
    assert found == ["Bread"]
    wait_until(lambda: content_health(far())["age"] is not None)


def test_who_comes_while_the_upstream_is_down_does_not_wait(far, server, broken, owner_connection):
    broken("error")
    far().test_client().get(PUBLIC)
    owner_connection.execute("UPDATE content_sources SET next_fetch_at = now()")
    may_answer, answered = threading.Event(), threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        may_answer.wait(10)
        answered.set()
        send(handler, 500)

    server.answer = slow

    assert titles(far().test_client()) == []
    wait_until(lambda: len(server.requests) == 2)
    assert not answered.is_set()
    may_answer.set()
    assert answered.wait(10)


def test_of_many_workers_one_fetches(far, server, serve, refresh, grow_old):
    serve("Bread")
    refresh()
    grow_old()
    apps = [far() for _ in range(5)]
    begun = threading.Barrier(len(apps))
    outcomes: list[str] = []

    def work(app) -> None:
        with app.app_context():
            begun.wait(10)
            outcomes.append(drawing.refresh("recipes"))

    threads = [threading.Thread(target=work, args=[app]) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["busy"] * 4 + ["unchanged"]
    assert len(server.requests) == 2


def test_the_cache_answers_while_the_database_is_down(far, serve):
    serve("Bread")
    assert titles(far().test_client()) == ["Bread"]
    # Nothing listens on the discard port.
    client = far(database_url="postgresql://fivebox_app:x@127.0.0.1:9/fivebox").test_client()

    assert titles(client) == ["Bread"]
    assert client.get(f"{PUBLIC}/bread").status_code == 503


def test_a_fault_of_ours_in_the_background_is_logged(far, serve, monkeypatch, caplog):
    serve("Bread")
    monkeypatch.setattr(drawing, "_draw", lambda *_: 1 / 0)

    assert titles(far().test_client()) == []
    assert "content not refreshed" in caplog.text


def content_health(app) -> dict[str, Any]:
    answer = app.test_client().get("/health")
    assert answer.status_code == 200
    check: dict[str, Any] = answer.get_json()["checks"]["content"]
    return check


def test_health_tells_the_age(far, refresh, serve, owner_connection):
    assert content_health(far())["age"] is None
    serve("Bread")
    refresh()
    owner_connection.execute("UPDATE content_sources SET fetched_at = now() - interval '100 s'")

    check = content_health(far())

    assert check["status"] == "up"
    assert 100 <= check["age"] < 130


def test_health_tells_of_an_outage_and_the_api_stays_healthy(far, refresh, serve, broken):
    serve("Bread")
    refresh()
    broken("outage")
    refresh()

    check = content_health(far())

    assert (check["status"], check["error"]) == ("down", "ContentStale")
    assert 0 <= check["age"] < 30


def test_content_that_nobody_fetches_is_down(far, refresh, serve, owner_connection):
    serve("Bread")
    refresh()
    owner_connection.execute("UPDATE content_sources SET fetched_at = now() - interval '1000 s'")

    assert content_health(far(content_refresh_seconds=300))["status"] == "down"
    assert content_health(far(content_refresh_seconds=400))["status"] == "up"


def test_without_an_upstream_there_is_no_check(app_with_recipes):
    checks = app_with_recipes.test_client().get("/health").get_json()["checks"]

    assert "content" not in checks


def test_an_outage_is_tried_again_soon(refresh, broken, owner_connection):
    broken("error")
    refresh(content_refresh_seconds=7200)

    (when,) = owner_connection.execute(
        "SELECT next_fetch_at - now() FROM content_sources"
    ).fetchone()
    assert 30 < when.total_seconds() <= 60


def test_a_fetch_is_good_for_the_time_of_the_settings(refresh, serve, owner_connection):
    serve("Bread")
    refresh(content_refresh_seconds=7200)

    fetched, due = owner_connection.execute(
        "SELECT fetched_at, next_fetch_at FROM content_sources"
    ).fetchone()
    assert isinstance(fetched, datetime)
    assert (due - fetched).total_seconds() == 7200


def test_fetches_are_counted(refresh, serve, broken, count):
    def fetches(outcome: str) -> float:
        return count("content_upstream_fetches_total", collection="recipes", outcome=outcome)

    before = {outcome: fetches(outcome) for outcome in ("changed", "unchanged", "failed")}
    serve("Bread")
    refresh()
    refresh()
    broken("error")
    refresh()

    assert {outcome: fetches(outcome) - n for outcome, n in before.items()} == dict.fromkeys(
        before, 1
    )


def test_the_command_takes_names(far, serve):
    serve("Bread")
    runner = far().test_cli_runner()

    assert runner.invoke(args=["content", "refresh", "recipes"]).output == "recipes: changed\n"
    result = runner.invoke(args=["content", "refresh", "none"])
    assert (result.exit_code, result.output) == (1, "Error: none: there is no such collection\n")


def test_without_an_upstream_the_command_says_so(run):
    result = run.invoke(args=["content", "refresh"])

    assert result.exit_code == 0
    assert "FIVEBOX_CONTENT_URL is not set" in result.output
