"""The open streams of this process, and who is to hear what.

One greenlet runs at a time and nothing here waits, so there are no locks. A stream keeps the newest
revision only, however slow its client: its memory does not grow.
"""

import time
from collections import defaultdict

from gevent.event import Event

from app.events import metrics
from app.events.channel import Change, Message

EXPIRED = "expired"
REVOKED = "revoked"
BYE = "bye"
GONE = "gone"
SLOW = "slow"


class TooManyStreams(Exception):
    """The user, or the process, has as many streams as the settings allow."""


class Stream:
    """One client that listens; `ending` is why the stream is about to end."""

    __slots__ = ("_wake", "device_id", "ending", "expires", "resync", "rev", "sent", "user_id")

    def __init__(self, user_id: str, device_id: str, expires: float) -> None:
        """
        Args:
            user_id: whose changes to tell.
            device_id: ends with this device.
            expires: when its access token ends, in seconds since 1970.
        """
        self.user_id = user_id
        self.device_id = device_id
        self.expires = expires
        self.rev = self.sent = 0
        # Nobody knows what was missed before.
        self.resync = True
        self.ending = ""
        self._wake = Event()

    def tell(self, rev: int) -> None:
        """There are changes up to this revision."""
        # Two API workers may publish in another order than they committed.
        if rev > self.rev:
            self.rev = rev
            self._wake.set()

    def tell_resync(self) -> None:
        """Changes may have been missed."""
        # A restored database may count from an older revision.
        self.rev = self.sent = 0
        self.resync = True
        self._wake.set()

    def end(self, reason: str) -> None:
        """End the stream; its client is told the reason."""
        self.ending = self.ending or reason
        self._wake.set()

    def wait(self, seconds: float) -> None:
        """Wait until there is something to send, at most so many seconds, and not past the end."""
        left = self.expires - time.time()
        self._wake.wait(max(0, min(seconds, left)))
        self._wake.clear()
        if time.time() >= self.expires:
            self.end(EXPIRED)


class Hub:
    """All streams of the process."""

    def __init__(self, per_user: int, total: int) -> None:
        """
        Args:
            per_user: streams that one user may have open.
            total: streams that may be open in all.
        """
        self.per_user = per_user
        self.total = total
        self.closing = False
        self._streams: defaultdict[str, set[Stream]] = defaultdict(set)
        self._count = 0
        self._revoked: dict[str, float] = {}

    def is_full(self) -> bool:
        """Whether the process has no place for another stream."""
        return self._count >= self.total

    def is_revoked(self, device_id: str) -> bool:
        """Whether a device was logged out while its access tokens were valid."""
        return device_id in self._revoked

    def add(self, stream: Stream) -> None:
        """Let a stream hear.

        Raises:
            TooManyStreams: the user has too many.
        """
        if len(self._streams.get(stream.user_id, ())) >= self.per_user:
            raise TooManyStreams
        self._streams[stream.user_id].add(stream)
        self._count += 1
        metrics.OPENED.inc()
        metrics.STREAMS.set(self._count)

    def remove(self, stream: Stream) -> None:
        """Forget a stream that ended."""
        self._streams[stream.user_id].remove(stream)
        if not self._streams[stream.user_id]:
            del self._streams[stream.user_id]
        self._count -= 1
        metrics.ENDED.labels(stream.ending or GONE).inc()
        metrics.STREAMS.set(self._count)

    def receive(self, message: Message, token_seconds: float) -> None:
        """Pass a message on to the streams that it is for.

        Args:
            message: a change or a revocation.
            token_seconds: how long an access token may be valid from now.
        """
        metrics.RECEIVED.inc()
        if isinstance(message, Change):
            for stream in self._streams.get(message.user_id, ()):
                stream.tell(message.rev)
        else:
            until = time.time() + token_seconds
            self.revoke(dict.fromkeys(message.device_ids, until))

    def revoke(self, devices: dict[str, float]) -> None:
        """End the streams of devices, and refuse them from now on.

        Args:
            devices: id -> when the last of its access tokens ends, in seconds since 1970.
        """
        now = time.time()
        self._revoked = {k: t for k, t in {**self._revoked, **devices}.items() if t > now}
        for stream in self._all():
            if stream.device_id in devices:
                stream.end(REVOKED)

    def resync(self) -> None:
        """Messages may have been missed: every client must pull."""
        for stream in self._all():
            stream.tell_resync()

    def close(self) -> list[Stream]:
        """Refuse new streams from now on.

        Returns:
            those that are open, for the caller to end.
        """
        self.closing = True
        return self._all()

    def _all(self) -> list[Stream]:
        return [stream for streams in self._streams.values() for stream in streams]
