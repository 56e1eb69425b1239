"""One URL leads to Redis, whether it is one server or whichever a Sentinel names."""

import socket
import time
from contextlib import ExitStack

import pytest
from redis import RedisError
from redis.sentinel import SentinelConnectionPool

from app.redis_client import connect
from app.sentinel_url import SentinelUrl


def test_a_sentinel_url_names_all_hosts() -> None:
    url = SentinelUrl.parse("rediss+sentinel://:p%40ss@10.0.0.1,10.0.0.2:7,10.0.0.3/fivebox/2")
    assert url.hosts == (("10.0.0.1", 26379), ("10.0.0.2", 7), ("10.0.0.3", 26379))
    assert (url.service, url.database) == ("fivebox", 2)
    assert url.options == {"password": "p@ss", "ssl": True}


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://:secret@/fivebox/0",
        "redis+sentinel://:secret@host",
        "redis+sentinel://:secret@host/fivebox/first",
        "redis+sentinel://:secret@host:port/fivebox/0",
        "http://:secret@host/fivebox",
    ],
)
def test_a_wrong_sentinel_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        SentinelUrl.parse(url)
    assert "secret" not in str(error.value)


def test_the_options_of_a_client_hold_with_sentinel() -> None:
    client = connect("redis+sentinel://:p@host/fivebox/1", socket_timeout=0.5)
    pool = client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "fivebox"
    options = pool.connection_kwargs
    assert (options["db"], options["password"], options["socket_timeout"]) == (1, "p", 0.5)


@pytest.mark.parametrize("scheme", ["redis", "redis+sentinel"])
def test_hosts_that_are_silent_hold_a_request_for_seconds_only(scheme: str) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        hosts = [f"127.0.0.1:{one.getsockname()[1]}" for one in silent]
        url = f"redis://{hosts[0]}/0" if scheme == "redis" else f"{scheme}://{','.join(hosts)}/x/0"
        client = connect(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        begun = time.monotonic()
        with pytest.raises(RedisError):
            client.get("key")
        assert time.monotonic() - begun < 5
