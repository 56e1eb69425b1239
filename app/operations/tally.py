"""What requests add to the metrics, noted by each and added for many at once."""

import threading
from collections import Counter, deque
from collections.abc import Callable

import prometheus_client

from app.operations import later


class Tally:
    """Notes of this process. Requests only append, add and discard, each of which is atomic.

    Args:
        in_flight: gets the number of requests that are being answered.
        also: called each time that the notes are added.
    """

    def __init__(self, in_flight: prometheus_client.Gauge, also: Callable[[], None]) -> None:
        self._in_flight = in_flight
        self._also = also
        self._counted: deque[prometheus_client.Counter] = deque()
        self._durations: deque[tuple[prometheus_client.Histogram, float]] = deque()
        self._inside: set[int] = set()
        self._adding = threading.Lock()
        later.register(self.add)

    def enter(self, request: int) -> None:
        """Note a request that begins, by a number that no other has meanwhile."""
        self._inside.add(request)
        later.soon()

    def leave(self, request: int) -> None:
        """Note that it has ended."""
        self._inside.discard(request)
        later.soon()

    def count(self, counter: prometheus_client.Counter) -> None:
        """Note one more of something."""
        self._counted.append(counter)
        later.soon()

    def observe(self, histogram: prometheus_client.Histogram, seconds: float) -> None:
        """Note a duration."""
        self._durations.append((histogram, seconds))

    def add(self) -> None:
        """Add what was noted so far to the metrics."""
        with self._adding:
            for counter, number in Counter(later.taken(self._counted)).items():
                counter.inc(number)
            for histogram, seconds in later.taken(self._durations):
                histogram.observe(seconds)
            self._in_flight.set(len(self._inside))
            self._also()
