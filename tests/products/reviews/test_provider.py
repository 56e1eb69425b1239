"""The provider: a real server with the chat completions API, as it is and as it fails."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import orjson
import pytest
from apiflask import APIFlask
from prometheus_client import REGISTRY

from app.extensions import redis
from app.products.reviews import chat, provider
from tests.conftest import Account
from tests.content.server import Answering, send, trickle
from tests.products.reviews.conftest import rate

pytestmark = pytest.mark.usefixtures("books")
KEY = "key-of-the-recommender"
MODEL = "books-1"


def answer_with(content: object, status: int = 200, **headers: str) -> Callable[..., None]:
    """Answer with a completion whose message is this content."""
    text = content if isinstance(content, str) else orjson.dumps(content).decode()
    body = orjson.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})
    return lambda handler: send(handler, status, body, **headers)


def recommendations(*choices: tuple[str, float, str | None]) -> dict[str, Any]:
    return {
        "recommendations": [
            {"id": book_id, "score": score, "because": because}
            for book_id, score, because in choices
        ]
    }


GOOD = recommendations(("faust", 4.5, "emma"), ("moby-dick", 3, None))


@pytest.fixture
def server() -> Iterator[Answering]:
    running = Answering()
    running.answer = answer_with(GOOD)
    yield running
    running.stop()


@pytest.fixture
def shop(make_app: Callable[..., APIFlask], server: Answering) -> APIFlask:
    """An application that asks the server."""
    return make_app(
        recommender_url=f"{server.url}/v1/", recommender_key=KEY, recommender_model=MODEL
    )


@pytest.fixture
def ask(shop: APIFlask, reader: Account) -> Callable[[], dict[str, Any]]:
    """Ask for recommendations as a reader who rated Emma."""
    rate(reader, "emma", 5, title="Secret title", text="Secret text", notes="Secret notes")

    def get(**query: Any) -> dict[str, Any]:
        answer = shop.test_client().get(
            "/v1/recommendations", query_string=query, headers=reader.headers
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    return get


def calls(outcome: str) -> float:
    found = REGISTRY.get_sample_value("recommender_calls_total", {"outcome": outcome})
    return found or 0.0


@pytest.fixture
def counted() -> Callable[[str], float]:
    """How often a call had an outcome since the test began."""
    words = ("answered", "cached", "failed", "invalid", "limited", "open", "busy")
    before = {word: calls(word) for word in words}
    return lambda outcome: calls(outcome) - before[outcome]


def test_its_choice_comes_first_and_is_explained(
    ask: Callable[..., Any], counted: Callable[[str], float]
) -> None:
    answer = ask()
    assert answer["engine"] == "provider"
    books = [(item["book_id"], item["score"]) for item in answer["items"]]
    # What it left out is filled up by the embedded engine.
    assert books[:2] == [("faust", 4.5), ("moby-dick", 3.0)]
    assert books[2][0] == "dracula"
    assert answer["items"][0]["because"] == {"book_id": "emma", "title": "Emma", "rating": 5}
    assert answer["items"][1]["because"] is None
    assert [item["book_id"] for item in ask(limit=1)["items"]] == ["faust"]
    assert counted("answered") == 2


def test_it_is_told_titles_and_ratings_and_nothing_else(
    ask: Callable[..., Any], server: Answering, reader: Account
) -> None:
    ask()
    ((method, path, headers),) = server.requests
    assert (method, path) == ("POST", "/v1/chat/completions")
    assert headers["Authorization"] == f"Bearer {KEY}"
    body = orjson.loads(server.bodies[0])
    assert (body["model"], body["response_format"]) == (MODEL, {"type": "json_object"})
    question = orjson.loads(body["messages"][1]["content"])
    assert question == {
        "rated": [{"id": "emma", "title": "Emma", "rating": 5}],
        "candidates": [
            {"id": "dracula", "title": "Dracula"},
            {"id": "faust", "title": "Faust"},
            {"id": "moby-dick", "title": "Moby-Dick"},
        ],
        "limit": 10,
    }
    sent = server.bodies[0].decode() + str(headers)
    for private in ("Secret", reader.id, reader.email, "Ada", reader.tokens["access_token"]):
        assert private not in sent


def test_a_known_question_is_not_asked_again(
    ask: Callable[..., Any], server: Answering, counted: Callable[[str], float]
) -> None:
    assert ask() == ask()
    assert (len(server.requests), counted("cached")) == (1, 1)


def test_a_new_rating_is_a_new_question(
    ask: Callable[..., Any], server: Answering, reader: Account
) -> None:
    ask()
    rate(reader, "dracula", 1)
    assert "dracula" not in {item["book_id"] for item in ask()["items"]}
    assert len(server.requests) == 2


def test_who_rated_nothing_is_not_asked_about(
    shop: APIFlask, reader: Account, server: Answering
) -> None:
    answer = shop.test_client().get("/v1/recommendations", headers=reader.headers)
    assert (answer.get_json()["engine"], server.requests) == ("embedded", [])


def test_invented_and_repeated_books_are_dropped(
    ask: Callable[..., Any], server: Answering
) -> None:
    server.answer = answer_with(
        recommendations(
            ("no-such-book", 5, None),
            ("emma", 5, None),
            ("faust", 4, "moby-dick"),
            ("faust", 3, None),
        )
    )
    items = ask()["items"]
    assert [item["book_id"] for item in items] == ["faust", "dracula", "moby-dick"]
    # The reader has not rated Moby-Dick.
    assert (items[0]["score"], items[0]["because"]) == (4.0, None)


@pytest.mark.parametrize(
    "content",
    [
        recommendations(("no-such-book", 5, None)),
        recommendations(),
        recommendations(("faust", 6, None)),
        recommendations(("x" * 101, 5, None)),
        recommendations(*[("faust", 4.0, None)] * 201),
        {"recommendations": [{"id": "faust"}]},
        {"recommendations": [{"id": "faust", "score": "5"}]},
        {"recommendations": [{"id": "faust", "score": None}]},
        {"books": []},
        [],
        "Here are some books that you may like!",
        "",
    ],
)
def test_an_answer_that_breaks_the_rules_is_not_used(
    ask: Callable[..., Any],
    server: Answering,
    content: object,
    counted: Callable[[str], float],
) -> None:
    server.answer = answer_with(content)
    answer = ask()
    assert (answer["engine"], len(answer["items"])) == ("embedded", 3)
    assert counted("invalid") == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{"message": {}}]}', b"\xff", b"[[["],
)
def test_garbage_is_not_used(
    ask: Callable[..., Any], server: Answering, body: bytes, counted: Callable[[str], float]
) -> None:
    server.answer = lambda handler: send(handler, 200, body)
    assert ask()["engine"] == "embedded"
    assert counted("invalid") == 1


def test_an_endless_answer_is_cut(
    ask: Callable[..., Any], server: Answering, counted: Callable[[str], float]
) -> None:
    server.answer = lambda handler: send(handler, 200, b" " * (chat.MAX_BYTES + 1))
    assert ask()["engine"] == "embedded"
    assert counted("invalid") == 1


@pytest.mark.parametrize("status", [500, 503, 401, 404, 302, 204])
def test_another_status_is_a_failure(
    ask: Callable[..., Any], server: Answering, status: int, counted: Callable[[str], float]
) -> None:
    server.answer = lambda handler: send(handler, status, Location="/v1/elsewhere")
    assert ask()["engine"] == "embedded"
    assert (counted("failed"), len(server.requests)) == (1, 1)


def test_a_slow_provider_is_not_waited_for(
    ask: Callable[..., Any],
    shop: APIFlask,
    server: Answering,
    counted: Callable[[str], float],
) -> None:
    shop.extensions["recommender"].chat.http.connection_pool_kw["timeout"] = 0.1
    leave = threading.Event()
    server.answer = lambda _handler: leave.wait(10) and None
    assert ask()["engine"] == "embedded"
    leave.set()
    assert counted("failed") == 1


def test_a_trickle_is_not_waited_for(
    ask: Callable[..., Any],
    server: Answering,
    monkeypatch: pytest.MonkeyPatch,
    counted: Callable[[str], float],
) -> None:
    monkeypatch.setattr(chat, "TOTAL_SECONDS", 0.0)
    assert ask()["engine"] == "embedded"
    assert counted("failed") == 1


def test_a_trickling_header_is_not_waited_for(
    ask: Callable[..., Any],
    server: Answering,
    monkeypatch: pytest.MonkeyPatch,
    counted: Callable[[str], float],
) -> None:
    monkeypatch.setattr(chat, "TOTAL_SECONDS", 0.3)
    gone = threading.Event()
    server.answer = lambda handler: trickle(handler, gone)
    assert ask()["engine"] == "embedded"
    assert counted("failed") == 1
    # Its thread is free again.
    assert gone.wait(10)


def test_a_provider_that_is_not_there_is_a_failure(
    ask: Callable[..., Any], server: Answering, counted: Callable[[str], float]
) -> None:
    server.stop()
    assert ask()["engine"] == "embedded"
    assert counted("failed") == 1


def test_after_failures_it_is_left_alone_and_then_probed(
    ask: Callable[..., Any],
    shop: APIFlask,
    server: Answering,
    counted: Callable[[str], float],
) -> None:
    now = [0.0]
    breaker = shop.extensions["recommender"].breaker
    breaker._clock = lambda: now[0]
    server.answer = lambda handler: send(handler, 500)
    for _ in range(provider.FAILURES + 2):
        assert ask()["engine"] == "embedded"
    assert (len(server.requests), counted("open")) == (provider.FAILURES, 2)
    now[0] += provider.PAUSE_SECONDS
    ask()
    ask()
    # One probe, which failed.
    assert len(server.requests) == provider.FAILURES + 1
    server.answer = answer_with(GOOD)
    now[0] += provider.PAUSE_SECONDS
    assert ask()["engine"] == "provider"
    breaker.fail()
    # Closed: one failure opens it no more.
    assert not breaker.is_pausing


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [("120", 120), ("5", 30), ("99999", 600), ("Wed, 21 Oct 2026 07:28:00 GMT", 30), ("", 30)],
)
def test_it_is_left_alone_as_long_as_it_asks(
    ask: Callable[..., Any],
    shop: APIFlask,
    server: Answering,
    wanted: str,
    seconds: int,
    counted: Callable[[str], float],
) -> None:
    now = [0.0]
    shop.extensions["recommender"].breaker._clock = lambda: now[0]
    server.answer = lambda handler: send(handler, 429, Retry_After=wanted)
    ask()
    now[0] = seconds - 0.1
    ask()
    assert (len(server.requests), counted("limited"), counted("open")) == (1, 1, 1)
    server.answer = answer_with(GOOD)
    now[0] = seconds
    assert ask()["engine"] == "provider"


def test_few_wait_for_it_at_a_time(
    shop: APIFlask,
    ask: Callable[..., Any],
    server: Answering,
    counted: Callable[[str], float],
) -> None:
    arrived, leave = threading.Semaphore(0), threading.Event()

    def hold(handler: BaseHTTPRequestHandler) -> None:
        arrived.release()
        leave.wait(10)
        answer_with(GOOD)(handler)

    server.answer = hold
    with ThreadPoolExecutor(provider.CALLS) as pool:
        waiting = [pool.submit(ask) for _ in range(provider.CALLS)]
        for _ in waiting:
            assert arrived.acquire(timeout=10)
        assert ask()["engine"] == "embedded"
        assert counted("busy") == 1
        leave.set()
        assert {done.result()["engine"] for done in waiting} == {"provider"}


def test_another_release_keeps_its_own_answers(
    ask: Callable[..., Any], server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    monkeypatch.setattr(provider, "_RELEASE", "another")
    assert ask()["engine"] == "provider"
    assert len(server.requests) == 2


@pytest.mark.parametrize("stored", [b'[{"id": 1}]', b'{"id": "faust"}', b"no JSON"])
def test_a_kept_answer_that_cannot_be_read_is_asked_for_again(
    ask: Callable[..., Any], server: Answering, stored: bytes
) -> None:
    ask()
    (name,) = redis.client.scan_iter(f"{provider.CACHE}:*")
    redis.client.set(name, stored)
    assert ask()["engine"] == "provider"
    assert len(server.requests) == 2


def test_without_redis_it_is_asked_each_time(
    ask: Callable[..., Any], server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = redis.client.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2)
    monkeypatch.setattr(redis, "client", gone)
    labels = {"cache": "recommender", "outcome": "unavailable"}
    before = REGISTRY.get_sample_value("cache_requests_total", labels) or 0.0
    assert [ask()["engine"], ask()["engine"]] == ["provider", "provider"]
    assert len(server.requests) == 2
    assert REGISTRY.get_sample_value("cache_requests_total", labels) == before + 4


def health(shop: APIFlask) -> dict[str, Any]:
    body = shop.test_client().get("/health").get_json()
    assert body["status"] == "healthy"
    checks: dict[str, Any] = body["checks"]
    return checks


def test_health_asks_for_its_models_and_remembers(shop: APIFlask, server: Answering) -> None:
    server.answer = lambda handler: send(handler, 200, b"{}")
    assert [health(shop)["recommender"]["status"] for _ in range(2)] == ["up", "up"]
    ((method, path, headers),) = server.requests
    assert (method, path, headers["Authorization"]) == ("GET", "/v1/models", f"Bearer {KEY}")


def test_health_tells_of_a_refusal(shop: APIFlask, server: Answering) -> None:
    server.answer = lambda handler: send(handler, 401)
    assert health(shop)["recommender"]["status"] == "down"


def test_health_tells_that_nobody_answers(shop: APIFlask, server: Answering) -> None:
    server.stop()
    found = health(shop)["recommender"]
    assert (found["status"], found["error"]) == ("down", "RecommenderDown")


def test_health_does_not_wait_for_a_trickling_header(
    shop: APIFlask, server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "HEALTH_SECONDS", 0.3)
    gone = threading.Event()
    server.answer = lambda handler: trickle(handler, gone)
    assert health(shop)["recommender"]["error"] == "RecommenderDown"
    assert gone.wait(10)


def test_health_tells_of_an_open_breaker_until_its_pause_ends(
    shop: APIFlask, server: Answering
) -> None:
    now = [0.0]
    breaker = shop.extensions["recommender"].breaker
    breaker._clock = lambda: now[0]
    breaker.fail(60)
    assert health(shop)["recommender"]["status"] == "down"
    assert server.requests == []
    # Nobody has asked for a recommendation since.
    now[0] = 60
    assert health(shop)["recommender"]["status"] == "up"


def test_without_a_provider_health_shows_none(app: APIFlask) -> None:
    assert "recommender" not in health(app)


def test_a_provider_may_need_no_key(
    make_app: Callable[..., APIFlask], server: Answering, reader: Account
) -> None:
    rate(reader, "emma", 5)
    shop = make_app(recommender_url=server.url, recommender_model=MODEL)
    answer = shop.test_client().get("/v1/recommendations", headers=reader.headers)
    assert answer.get_json()["engine"] == "provider"
    assert "Authorization" not in server.requests[0][2]


def test_the_key_is_in_no_text(shop: APIFlask) -> None:
    assert KEY not in repr(shop.extensions["recommender"])
    assert KEY not in repr(shop.extensions["settings"])
