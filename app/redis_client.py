"""Redis clients from the one URL of the settings: a server, or whichever Sentinel says leads."""

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from app.sentinel_url import SENTINEL_SCHEMES, SentinelUrl

# Another Sentinel is asked when one is silent this long, in seconds.
SENTINEL_SECONDS = 0.5


def connect(url: str, **options: Any) -> Redis:
    """Make a client; it connects at first use, and again when another server leads.

    Args:
        url: redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel:// URL.
        options: of redis.Redis, such as its time-outs.
    """
    if not url.startswith(SENTINEL_SCHEMES):
        return Redis.from_url(url, **options)
    parsed = SentinelUrl.parse(url)
    seconds = {"socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS}
    # Else it tries a command ten times more, and for each time ten times to connect: a host that is
    # gone would hold a request for a minute.
    once = {"retry": Retry(NoBackoff(), 0)}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        parsed.hosts, sentinel_kwargs={**parsed.options, **seconds, **once}
    )
    client: Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        parsed.service, db=parsed.database, **{**parsed.options, **once, **options}
    )
    return client
