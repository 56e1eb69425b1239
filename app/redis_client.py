"""Redis clients from the one URL of the settings: a server, or whichever Sentinel says leads."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis
from redis.sentinel import Sentinel

SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379
# Another Sentinel is asked when one is silent this long, in seconds.
SENTINEL_SECONDS = 0.5


@dataclass(frozen=True)
class SentinelUrl:
    """redis+sentinel://:password@host,host:port/service/database?option=value; rediss+… by TLS."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int
    options: dict[str, Any]

    @classmethod
    def parse(cls, url: str) -> "SentinelUrl":
        """Read a URL.

        Raises:
            ValueError: it is none; the text says what is wanted.
        """
        parts = urlsplit(url)
        user, _, hosts = parts.netloc.rpartition("@")
        _, _, password = user.partition(":")
        service, _, database = parts.path.strip("/").partition("/")
        if parts.scheme not in SENTINEL_SCHEMES or not hosts or not service:
            raise ValueError("must be redis+sentinel://:password@host,host,host/service/0")
        if not (database or "0").isdecimal():
            raise ValueError("the database after the service must be a number")
        options: dict[str, Any] = dict(parse_qsl(parts.query))
        if password:
            options["password"] = unquote(password)
        if parts.scheme.startswith("rediss"):
            options["ssl"] = True
        found = tuple(_address(host) for host in hosts.split(","))
        return cls(found, service, int(database or 0), options)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, SENTINEL_PORT
    if not host or not port.isdecimal():
        raise ValueError(f"{text} is no host:port")
    return host, int(port)


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
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        parsed.hosts, sentinel_kwargs={**parsed.options, **seconds}
    )
    client: Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        parsed.service, db=parsed.database, **{**parsed.options, **options}
    )
    return client
