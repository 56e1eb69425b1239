"""The URL of a Redis behind Sentinel; apart from the client, which takes memory to import."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379


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
