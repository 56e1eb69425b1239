"""The cache of answers: one request fills it, writes end it, and nothing depends on it."""

import threading
import time
from collections.abc import Callable

import pytest
from psycopg import connect
from redis.exceptions import ConnectionError as RedisConnectionError

from app.content import cache as caching
from app.extensions import redis
from tests.content.conftest import ADMIN, PUBLIC, recipe
from tests.waiting import GIVE_UP_SECONDS, wait_until

CLOSED_REDIS = "redis://127.0.0.1:9/0"


@pytest.fixture
def lookups(count) -> Callable[[str], float]:
    """How often the cache was asked with an outcome, since the test began."""
    outcomes = ("hit", "miss", "waited", "unavailable")
    before = {o: count("cache_requests_total", cache="content", outcome=o) for o in outcomes}
    return lambda o: count("cache_requests_total", cache="content", outcome=o) - before[o]


@pytest.fixture
def selects(count) -> Callable[[], float]:
    """How often documents were read from the database."""
    return lambda: count("database_queries_total", operation="select", table="content_documents")


@pytest.mark.parametrize("path", [PUBLIC, f"{PUBLIC}/soup", f"{PUBLIC}?q=sou&tags=warm"])
def test_the_second_reader_needs_no_database(anyone, put, selects, lookups, path):
    put("soup", tags=["warm"])
    first = anyone.get(path)
    before = selects()

    second = anyone.get(path)

    assert selects() == before
    assert (lookups("miss"), lookups("hit")) == (1, 1)
    assert second.data == first.data
    for header in ("ETag", "Content-Language", "Cache-Control", "Content-Type"):
        assert second.headers[header] == first.headers[header]


def test_entries_end_by_themselves(kitchen, put, cache):
    put("soup")
    kitchen(content_cache_seconds=100).test_client().get(f"{PUBLIC}/soup")

    lives = [cache.ttl(key) for key in cache.scan_iter("content:*") if b"generation" not in key]

    assert len(lives) == 1
    assert 0 < lives[0] <= 100


def test_readers_of_one_language_share_an_entry(anyone, put, lookups):
    put("soup")
    for header in ("de", "de-CH", "DE;q=0.5", "fr, de, en"):
        anyone.get(f"{PUBLIC}/soup", headers={"Accept-Language": header})

    assert (lookups("miss"), lookups("hit")) == (1, 3)


@pytest.mark.parametrize("path", [PUBLIC, f"{PUBLIC}/soup"])
@pytest.mark.parametrize("change", ["put", "delete", "revert", "import"])
def test_a_write_is_seen_at_once(anyone, call, put, path, change):
    put("soup")
    put("soup", "Broth")
    before = anyone.get(path).data
    assert anyone.get(path).data == before

    answer = {
        "put": lambda: call("PUT", f"{ADMIN}/soup", recipe("Stew")),
        "delete": lambda: call("DELETE", f"{ADMIN}/soup"),
        "revert": lambda: call("POST", f"{ADMIN}/soup/revert", {"version": 1}),
        "import": lambda: call("POST", ADMIN, {"documents": [{"id": "soup", **recipe("Stew")}]}),
    }[change]()

    assert answer.status_code in (200, 204)
    assert anyone.get(path).data != before


def test_what_was_read_before_a_write_is_not_served_after_it(put, anyone, cache):
    """A slow reader keeps its answer only after the write has ended all entries."""
    put("soup")
    anyone.get(f"{PUBLIC}/soup")
    (name,) = [key for key in cache.scan_iter("content:*") if b"generation" not in key]
    old = cache.get(name)
    put("soup", "Broth")

    cache.set(name, old)

    assert anyone.get(f"{PUBLIC}/soup").get_json()["data"]["title"] == "Broth"


def test_a_lost_generation_brings_nothing_old_back(put, anyone, cache, owner_connection):
    put("soup")
    anyone.get(f"{PUBLIC}/soup")
    owner_connection.execute('UPDATE content_documents SET data = \'{"title": {"en": "Broth"}}\'')
    cache.delete("content:recipes:generation")

    assert anyone.get(f"{PUBLIC}/soup").get_json()["data"]["title"] == "Broth"


@pytest.fixture
def at_once(app_with_recipes) -> Callable[[int], list]:
    """Begin requests for one document in threads; returns them with their answers to be."""

    def begin(number: int) -> list:
        answers: list = []

        def read() -> None:
            answers.append(app_with_recipes.test_client().get(f"{PUBLIC}/soup"))

        threads = [threading.Thread(target=read) for _ in range(number)]
        for thread in threads:
            thread.start()
        return [threads, answers]

    return begin


def waiting_statements(superuser_url: str) -> int:
    with connect(superuser_url, autocommit=True) as watcher:
        row = watcher.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE usename = 'fivebox_app' AND wait_event_type = 'Lock'"
        ).fetchone()
        return row[0]


def test_one_request_fills_the_cache_while_others_wait(
    put, servers, at_once, cache, lookups, monkeypatch
):
    put("soup")
    monkeypatch.setattr(caching, "WAIT_SECONDS", GIVE_UP_SECONDS)
    polls = cache.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"]
    with connect(servers.superuser_url) as holder:
        holder.execute("LOCK TABLE content_documents IN ACCESS EXCLUSIVE MODE")
        threads, answers = at_once(12)
        wait_until(lambda: waiting_statements(servers.superuser_url) == 1)
        # Each of the others has asked more than once by then.
        wait_until(lambda: cache.info("commandstats")["cmdstat_mget"]["calls"] - polls > 60)
        assert waiting_statements(servers.superuser_url) == 1
        holder.rollback()
    for thread in threads:
        thread.join(GIVE_UP_SECONDS)

    assert [answer.status_code for answer in answers] == [200] * 12
    assert lookups("miss") == 1
    assert lookups("waited") > 0
    assert lookups("waited") + lookups("hit") == 11


def test_who_waited_long_enough_reads_alone(put, servers, at_once, lookups):
    put("soup")
    with connect(servers.superuser_url) as holder:
        holder.execute("LOCK TABLE content_documents IN ACCESS EXCLUSIVE MODE")
        threads, answers = at_once(3)
        wait_until(lambda: waiting_statements(servers.superuser_url) == 3)
        holder.rollback()
    for thread in threads:
        thread.join(GIVE_UP_SECONDS)

    assert [answer.status_code for answer in answers] == [200] * 3
    assert (lookups("miss"), lookups("waited")) == (3, 0)


def test_who_finds_nothing_lets_the_next_one_look(anyone, put, lookups, monkeypatch):
    monkeypatch.setattr(caching, "WAIT_SECONDS", 3 * GIVE_UP_SECONDS)
    assert anyone.get(f"{PUBLIC}/soup").status_code == 404
    begun = time.monotonic()
    assert anyone.get(f"{PUBLIC}/soup").status_code == 404

    assert time.monotonic() - begun < GIVE_UP_SECONDS
    assert (lookups("miss"), lookups("waited")) == (2, 0)


def test_who_waits_for_nothing_is_told_so_at_once(
    anyone, servers, at_once, cache, lookups, monkeypatch
):
    anyone.get(PUBLIC)
    monkeypatch.setattr(caching, "WAIT_SECONDS", 3 * GIVE_UP_SECONDS)
    monkeypatch.setattr(caching, "LOCK_SECONDS", 6 * GIVE_UP_SECONDS)
    polls = cache.info("commandstats")["cmdstat_mget"]["calls"]
    with connect(servers.superuser_url) as holder:
        holder.execute("LOCK TABLE content_documents IN ACCESS EXCLUSIVE MODE")
        threads, answers = at_once(4)
        # Each has looked once and the three that wait have looked again.
        wait_until(lambda: cache.info("commandstats")["cmdstat_mget"]["calls"] - polls > 12)
        assert waiting_statements(servers.superuser_url) == 1
        holder.rollback()
    begun = time.monotonic()
    for thread in threads:
        thread.join(GIVE_UP_SECONDS)

    assert time.monotonic() - begun < GIVE_UP_SECONDS
    assert [answer.status_code for answer in answers] == [404] * 4
    assert lookups("waited") == 0


def test_a_lock_that_ran_out_is_no_fault(anyone, put, cache, monkeypatch):
    put("soup")
    monkeypatch.setattr(caching, "_store", lambda *_: cache.flushdb())

    assert anyone.get(f"{PUBLIC}/soup").status_code == 200


def test_without_redis_everything_is_read(put, kitchen, lookups):
    put("soup")
    client = kitchen(redis_url=CLOSED_REDIS).test_client()

    for path in (PUBLIC, f"{PUBLIC}/soup"):
        for _ in range(2):
            assert client.get(path).status_code == 200

    assert (lookups("unavailable"), lookups("hit")) == (4, 0)


class FailsOn:
    """The real client, but for commands that find Redis gone."""

    def __init__(self, real, *names: str) -> None:
        self.real = real
        self.names = names

    def __getattr__(self, name: str):
        if name in self.names:
            return self.fail
        return getattr(self.real, name)

    def fail(self, *_args, **_options):
        raise RedisConnectionError("gone")


def test_redis_lost_in_the_middle_is_no_fault(put, anyone, lookups, monkeypatch):
    put("soup")
    # The generation is known, so only the answer is to be set.
    anyone.get(PUBLIC)
    monkeypatch.setattr(redis, "client", FailsOn(redis.client, "set"))
    monkeypatch.setattr(caching.Lock, "release", redis.client.fail)
    monkeypatch.setattr(caching.Lock, "do_acquire", lambda *_: True)

    assert anyone.get(f"{PUBLIC}/soup").status_code == 200
    assert lookups("unavailable") == 2


def test_a_write_without_redis_is_seen_once_redis_is_back(put, anyone, environment, lookups):
    put("soup")
    anyone.get(f"{PUBLIC}/soup")
    redis.init_app(CLOSED_REDIS)
    put("soup", "Broth")
    assert lookups("unavailable") == 1

    redis.init_app(environment["FIVEBOX_REDIS_URL"])

    assert anyone.get(f"{PUBLIC}/soup").get_json()["data"]["title"] == "Broth"
