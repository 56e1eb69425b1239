"""A circuit breaker (Nygard: Release It!, 2nd edition, 2018, chapter 5) of one process."""

import time
from collections.abc import Callable
from threading import Lock


class Breaker:
    """Keeps calls from a service that fails: closed, open for a while, then one probe.

    Each worker process has its own, so that it works without Redis too.
    """

    def __init__(
        self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Args:
            failures: failures in a row that open it.
            seconds: how long it stays open; also how long a probe may take.
            clock: tells the time, in seconds.
        """
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._retry_at: float | None = None
        self._lock = Lock()

    @property
    def is_pausing(self) -> bool:
        """Whether it is open and its pause has not ended, so that no probe may be made yet."""
        retry_at = self._retry_at
        return retry_at is not None and self._clock() < retry_at

    def allow(self) -> bool:
        """Whether to call now; when it is open that is one probe each time its pause ends."""
        with self._lock:
            if self._retry_at is None:
                return True
            now = self._clock()
            if now < self._retry_at:
                return False
            # Half-open: others wait for what the probe tells, or for another pause.
            self._retry_at = now + self._seconds
            return True

    def succeed(self) -> None:
        """Note a success: it closes."""
        with self._lock:
            self._failures = 0
            self._retry_at = None

    def fail(self, pause: float | None = None) -> None:
        """Note a failure.

        Args:
            pause: for how many seconds the service asked to be left alone; opens it at once.
        """
        with self._lock:
            self._failures += 1
            if pause is not None or self._failures >= self._limit:
                self._retry_at = self._clock() + max(pause or 0.0, self._seconds)
