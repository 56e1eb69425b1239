"""Publishing from a thread of its own: a request never waits for Redis, nor fails with it."""

import atexit
import threading
import time
from queue import Full, Queue

import structlog
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.events.channel import CHANNEL, REVOKED, Message, Revocation, encode
from app.operations.metrics import EVENTS_DROPPED, EVENTS_PUBLISHED, EVENTS_UNAVAILABLE
from app.redis_client import connect

MAX_WAITING = 1000
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
LAST_SECONDS = 1.0

logger = structlog.get_logger(__name__)


class Publisher:
    """Sends messages to Redis in order, each once; tries again while Redis is away.

    What is too much to keep meanwhile is dropped and counted: when Redis is back, the streams tell
    every client to pull.
    """

    def __init__(self, url: str, token_seconds: int) -> None:
        """The thread starts with the first message of a process.

        Args:
            url: as `app.redis_client.connect` takes.
            token_seconds: how long after its revocation a device's access tokens may be valid.
        """
        self._url, self._token_seconds = url, token_seconds
        self._queue: Queue[Message] = Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        # An outage is one line of the log.
        self._reachable = True

    def publish(self, message: Message) -> None:
        """Hand a message over; returns at once and never raises."""
        try:
            self._queue.put_nowait(message)
        except Full:
            EVENTS_DROPPED.inc()
        # A forked worker has none of its parent's threads.
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()
                atexit.register(self._finish)

    def _finish(self) -> None:
        # A worker that is told to stop still sends what its last requests changed.
        with self._queue.all_tasks_done:
            self._queue.all_tasks_done.wait_for(
                lambda: not self._queue.unfinished_tasks, LAST_SECONDS
            )

    def _run(self) -> None:
        client = connect(
            self._url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        while True:
            message = self._queue.get()
            pause = FIRST_PAUSE_SECONDS
            while not self._send(client, message):
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            EVENTS_PUBLISHED.inc()
            self._queue.task_done()

    def _send(self, client: Redis, message: Message) -> bool:
        try:
            if isinstance(message, Revocation):
                self._remember(client, message)
            client.publish(CHANNEL, encode(message))
        except RedisError as error:
            EVENTS_UNAVAILABLE.inc()
            if self._reachable:
                logger.warning("events not published", event_kind="error", reason=str(error))
            self._reachable = False
            return False
        self._reachable = True
        return True

    def _remember(self, client: Redis, message: Revocation) -> None:
        # For streams opened later with a token that is still valid.
        now = time.time()
        with client.pipeline(transaction=False) as commands:
            commands.zadd(
                REVOKED, dict.fromkeys(message.device_ids, int(now) + self._token_seconds + 1)
            )
            commands.zremrangebyscore(REVOKED, "-inf", now)
            commands.execute()
