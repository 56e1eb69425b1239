"""Rate limits: fixed windows that Redis counts, in one round trip each.

Without Redis each process counts for itself.
"""

import logging
import time
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, NamedTuple, TypeVar

from flask import current_app, g, request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from redis import Redis, RedisError
from redis.commands.core import Script
from werkzeug.exceptions import TooManyRequests

# How long Redis is left alone after it did not answer.
RETRY_SECONDS = 5
PREFIX = "fivebox:limit"

_SCRIPT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then
    redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return {count, redis.call('PTTL', KEYS[1])}
"""

View = TypeVar("View", bound=Callable[..., Any])
logger = logging.getLogger(__name__)


class Count(NamedTuple):
    """Where a client stands with a limit.

    Attributes:
        limit: requests in a window.
        used: requests in the present window, with this one.
        ends: when it ends, in seconds since the epoch.
    """

    limit: RateLimitItem
    used: int
    ends: float

    @property
    def remaining(self) -> int:
        """Requests that are left."""
        return max(0, self.limit.amount - self.used)

    @property
    def breached(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit.amount


class Limiter:
    """Counts the requests of an app, and refuses those that are too many with 429.

    A view's own limits (`limit`) hold beside the one over all views, which `exempt` takes from it.
    """

    def __init__(self, key: Callable[[], str]) -> None:
        """Make one for the process.

        Args:
            key: names the client of a request.
        """
        self._key = key
        self._memory = MemoryStorage()
        self._script: Script
        self._on_outage: Callable[[], None]
        self._retry_at = 0.0

    def init_app(self, client: Redis, on_outage: Callable[[], None]) -> None:
        """Count by a Redis client.

        Args:
            client: of the app.
            on_outage: called when Redis does not answer.
        """
        self._script = client.register_script(_SCRIPT)
        self._on_outage = on_outage
        self._retry_at = 0.0

    def limit(
        self, setting: str, *, scope: str, key: Callable[[], str] | None = None
    ) -> Callable[[View], View]:
        """Decorator of a view, next below its route, that limits it.

        Args:
            setting: name of the setting with the limit, such as `5 per 15 minutes`.
            scope: views of one scope share one allowance.
            key: names the client, if otherwise than for the limit over all views.
        """

        def decorate(view: View) -> View:
            @wraps(view)
            def limited(*arguments: Any, **named: Any) -> Any:
                self.check(setting, scope, key)
                return view(*arguments, **named)

            return limited  # type: ignore[return-value]

        return decorate

    def exempt(self, view: View) -> View:
        """Decorator of a view, next below its route, that the limit over all does not hold for."""
        view.unlimited = True  # type: ignore[attr-defined]
        return view

    def check(self, setting: str, scope: str, key: Callable[[], str] | None = None) -> None:
        """Count the present request.

        Args:
            setting: as `limit` takes it.
            scope: as `limit` takes it.
            key: as `limit` takes it.

        Raises:
            TooManyRequests: it is one too many.
        """
        settings = current_app.extensions["settings"]
        # A browser asks before each request across origins (CORS preflight), without a token.
        if not settings.rate_limits_enabled or request.method == "OPTIONS":
            return
        client = (key or self._key)()
        counts = [
            self._count(f"{PREFIX}:{scope}:{item.amount}/{item.get_expiry()}:{client}", item)
            for item in _items(getattr(settings, setting))
        ]
        breached = [count for count in counts if count.breached]
        g.limit = (breached or counts)[0]
        if breached:
            raise TooManyRequests(str(g.limit.limit))

    @property
    def current(self) -> Count | None:
        """The limit to tell the client of: of several the one that it broke, or the last."""
        count: Count | None = g.get("limit")
        return count

    def _count(self, key: str, item: RateLimitItem) -> Count:
        now, seconds = time.time(), item.get_expiry()
        if now >= self._retry_at:
            try:
                used, milliseconds = self._script([key], [seconds])
                return Count(item, int(used), now + milliseconds / 1000)
            except RedisError as error:
                self._retry_at = now + RETRY_SECONDS
                self._on_outage()
                logger.warning("rate limits are counted without Redis: %s", error)
        used = self._memory.incr(key, seconds)
        return Count(item, used, self._memory.get_expiry(key))


@cache
def _items(text: str) -> tuple[RateLimitItem, ...]:
    """The limits of a setting, the shortest window first."""
    return tuple(sorted(parse_many(text)))
