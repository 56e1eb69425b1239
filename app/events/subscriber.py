"""The one subscription of this process, which outlives restarts of Redis."""

import random
import time
from typing import Any

import gevent
import structlog
from redis import RedisError
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry

from app.events import metrics
from app.events.channel import CHANNEL, REVOKED, decode
from app.events.hub import Hub
from app.redis_client import connect

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
# A connection whose other end vanished is silent; the answer to a ping is not.
PING_SECONDS = 10.0

logger = structlog.get_logger(__name__)


class Subscriber:
    """Passes what Redis says on to the hub; after each break every client is told to pull."""

    def __init__(self, url: str, hub: Hub, token_seconds: float) -> None:
        """
        Args:
            url: as `app.redis_client.connect` takes.
            hub: hears the messages.
            token_seconds: life of an access token.
        """
        self._redis = connect(
            url,
            socket_timeout=PING_SECONDS,
            socket_connect_timeout=3,
            retry=Retry(NoBackoff(), 0),
        )
        self._hub = hub
        self._token_seconds = token_seconds
        self._pause = FIRST_PAUSE_SECONDS

    def run(self) -> None:
        """Listen for ever."""
        while True:
            try:
                self._listen()
            except RedisError as error:
                logger.warning("subscription lost", event_kind="error", reason=str(error))
            metrics.CONNECTED.set(0)
            gevent.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311 - spreads load only
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _listen(self) -> None:
        with PubSub(self._redis.connection_pool) as subscription:
            subscription.subscribe(CHANNEL)
            # The answer to SUBSCRIBE; from here on no message is missed.
            self._next(subscription)
            self._hub.revoke(self._revoked())
            self._hub.resync()
            metrics.CONNECTED.set(1)
            self._pause = FIRST_PAUSE_SECONDS
            while True:
                self._pass_on(self._next(subscription))

    def _next(self, subscription: PubSub) -> bytes | None:
        """The next message, None for a sign of life.

        Raises:
            RedisError: the connection is lost, or two pings' time passed without an answer.
        """
        for _ in range(2):
            message = subscription.get_message(timeout=PING_SECONDS)
            if message is not None:
                data: bytes = message["data"]
                return data if message["type"] == "message" else None
            subscription.ping()
        raise RedisError("no answer to a ping")

    def _pass_on(self, data: bytes | None) -> None:
        if data is None:
            return
        try:
            message = decode(data)
        except ValueError:
            logger.warning("unreadable message", event_kind="error", channel=CHANNEL)
            return
        self._hub.receive(message, self._token_seconds)

    def _revoked(self) -> dict[str, float]:
        found: Any = self._redis.zrangebyscore(REVOKED, time.time(), "+inf", withscores=True)
        return {device.decode(): until for device, until in found}
