"""The process of the streams: a WSGI application without framework or database, for its memory.

It answers /v1/events with server-sent events (HTML standard, section 9.2), and /health/live and
/internal/metrics for operators.
"""

import random
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import gevent
import orjson
import structlog
from gevent.hub import get_hub
from gevent.socket import wait_write
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from app.accounts.claims import REFUSALS, ExpiredToken, access_claims, bearer_token
from app.events import metrics
from app.events.hub import BYE, GONE, SLOW, Hub, Stream, TooManyStreams
from app.events.subscriber import Subscriber
from app.log_format import configure, request_id
from app.problems import CONTENT_TYPE, problem_body
from app.response_headers import EXPOSED, PREFLIGHT_SECONDS, SECURITY
from app.settings import Settings
from app.version import version

PATH = "/v1/events"
# Milliseconds after which a client connects again: spread, so that not all come at once.
RETRY = (1000, 5000)
RETRY_SECONDS = 10
# A client that takes nothing for so long has another chance when it connects again.
SEND_SECONDS = 10.0
# From the end of one stream to that of the next, and for all, when the process stops: each client
# connects again, which is work. All at once they would keep requests waiting. gunicorn waits longer
# than for all of them and SEND_SECONDS.
BYE_SECONDS = 0.05
ALL_BYE_SECONDS = 8.0
WATCH_SECONDS = 0.2
HEARTBEAT = b": all is quiet\n\n"
HEADERS = [*SECURITY.items(), ("Cache-Control", "no-store")]

logger = structlog.get_logger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class _Refused(Exception):
    """The request brings no valid access token; `reason` is a word of REFUSALS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EventsApp:
    """The WSGI application; made in the worker process, which it also gives the subscriber."""

    def __init__(self, settings: Settings) -> None:
        configure(settings.log_level)
        self._settings = settings
        self._hub = Hub(settings.streams_per_user, settings.streams_total)
        self._version = version()
        token_seconds = settings.access_token_minutes * 60
        self._subscriber = Subscriber(settings.redis_url, self._hub, token_seconds)
        gevent.spawn(self._subscriber.run)

    def end_with(self, worker: Any) -> None:
        """End the streams, one after the other, once gunicorn tells its worker to stop."""

        def watch() -> None:
            while worker.alive:
                gevent.sleep(WATCH_SECONDS)
            streams = self._hub.close()
            begun = time.monotonic()
            for number, stream in enumerate(streams):
                due = begun + number * min(BYE_SECONDS, ALL_BYE_SECONDS / len(streams))
                gevent.sleep(max(0.0, due - time.monotonic()))
                stream.end(BYE)

        gevent.spawn(watch)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        request = _Request(environ, start_response, self._settings)
        path = environ["PATH_INFO"]
        if path == PATH:
            return self._events(request)
        if path == "/health/live":
            body = orjson.dumps({"status": "live", "version": self._version})
            return request.answer(200, body, "application/json")
        if path == "/internal/metrics":
            return request.answer(200, generate_latest(REGISTRY), CONTENT_TYPE_LATEST)
        return request.problem(404, "not-found", "Only live updates are served here.")

    def _events(self, request: "_Request") -> Iterator[bytes]:
        method = request.environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return request.answer(204, b"", headers=request.preflight())
        if method != "GET":
            allow = {"Allow": "GET, OPTIONS"}
            return request.problem(405, "method-not-allowed", "A stream is read by GET.", allow)
        settings = self._settings
        if settings.maintenance_file.exists():
            retry = {"Retry-After": str(settings.maintenance_retry_seconds)}
            detail = "The service is being maintained; try again."
            return request.problem(503, "unavailable", detail, retry)
        try:
            claims = self._claims(request)
        except _Refused as refused:
            challenge = {"WWW-Authenticate": 'Bearer realm="fivebox"'}
            detail = REFUSALS[refused.reason]
            return request.problem(401, "unauthorized", detail, challenge, reason=refused.reason)
        retry = {"Retry-After": str(RETRY_SECONDS)}
        if self._hub.closing:
            return request.problem(503, "unavailable", "The server is being replaced.", retry)
        if self._hub.is_full():
            return request.problem(503, "unavailable", "There are too many streams.", retry)
        stream = Stream(claims["sub"], claims["sid"], claims["exp"])
        try:
            self._hub.add(stream)
        except TooManyStreams:
            detail = f"You have {self._hub.per_user} streams open; close one."
            return request.problem(429, "too-many-requests", detail, retry)
        request.start(200, "text/event-stream", {"X-Accel-Buffering": "no"})
        return self._frames(stream, request)

    def _claims(self, request: "_Request") -> dict[str, Any]:
        token = bearer_token(request.environ.get("HTTP_AUTHORIZATION", ""))
        if not token:
            raise _Refused("missing")
        settings = self._settings
        try:
            claims = access_claims(
                token,
                keys=settings.jwt_keys,
                issuer=settings.public_url,
                audience=settings.jwt_audience,
            )
        except ExpiredToken:
            raise _Refused("expired") from None
        if claims is None:
            raise _Refused("invalid")
        if self._hub.is_revoked(claims["sid"]):
            raise _Refused("ended")
        return claims

    def _frames(self, stream: Stream, request: "_Request") -> Iterator[bytes]:
        socket = request.environ["gunicorn.socket"]
        # A client sends nothing more: what can be read is its end. Without this it would count as
        # an open stream until the next heartbeat.
        watcher = get_hub().loop.io(socket.fileno(), 1)

        def gone() -> None:
            watcher.stop()
            stream.end(GONE)

        watcher.start(gone)
        try:
            yield _retry()
            while stream.ending not in (GONE, SLOW):
                if not _can_send(socket):
                    stream.end(SLOW)
                    break
                # Only now: what happened while the client was slow is one event.
                yield _next_frame(stream)
                if stream.ending:
                    break
                stream.wait(self._settings.stream_heartbeat_seconds)
        finally:
            watcher.stop()
            watcher.close()
            self._hub.remove(stream)
            request.log(200, user_id=stream.user_id, reason=stream.ending or GONE)


class _Request:
    """One request and its answer."""

    def __init__(
        self, environ: dict[str, Any], start_response: StartResponse, settings: Settings
    ) -> None:
        self.environ = environ
        self._start_response = start_response
        self._settings = settings
        self._begun = time.monotonic()
        self._id = request_id(environ.get("HTTP_X_REQUEST_ID", ""))

    def start(self, status: int, content_type: str, headers: dict[str, str]) -> None:
        """Begin the answer."""
        self._start_response(
            f"{status} {HTTPStatus(status).phrase}",
            [
                *HEADERS,
                *self._cors().items(),
                ("Content-Type", content_type),
                ("X-Request-ID", self._id),
                *headers.items(),
            ],
        )

    def answer(
        self,
        status: int,
        body: bytes,
        content_type: str = "text/plain",
        headers: dict[str, str] | None = None,
    ) -> Iterator[bytes]:
        """The whole answer."""
        self.start(status, content_type, {"Content-Length": str(len(body)), **(headers or {})})
        return iter([body])

    def problem(
        self,
        status: int,
        type_: str,
        detail: str,
        headers: dict[str, str] | None = None,
        **extra: str,
    ) -> Iterator[bytes]:
        """An answer that is a problem; `extra` are further members of it."""
        metrics.REFUSED.labels(status).inc()
        self.log(status)
        body = orjson.dumps(problem_body(status, type_, detail, self._id, **extra))
        return self.answer(status, body, CONTENT_TYPE, headers)

    def preflight(self) -> dict[str, str]:
        """Headers that let a browser of an allowed origin ask for a stream."""
        if not self._cors():
            return {}
        return {
            "Access-Control-Allow-Methods": "GET",
            "Access-Control-Allow-Headers": "Authorization, Cache-Control, Last-Event-ID",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }

    def log(self, status: int, **more: str) -> None:
        """Write the log line of the request, at its end."""
        logger.info(
            "request",
            event_kind="request",
            request_id=self._id,
            method=self.environ["REQUEST_METHOD"],
            route=PATH if self.environ["PATH_INFO"] == PATH else "unmatched",
            status=status,
            duration_ms=round((time.monotonic() - self._begun) * 1000, 1),
            user_agent=self.environ.get("HTTP_USER_AGENT", "")[:300],
            client_ip=self._client_address(),
            **more,
        )

    def _cors(self) -> dict[str, str]:
        origin = self.environ.get("HTTP_ORIGIN", "")
        allowed = self._settings.cors_origins
        if not origin or (origin not in allowed and "*" not in allowed):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": ", ".join(EXPOSED),
            "Vary": "Origin",
        }

    def _client_address(self) -> str:
        # Each trusted proxy adds the address that it sees.
        seen = self.environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        hops = self._settings.proxy_hops
        if 0 < hops <= len(seen):
            return str(seen[-hops].strip())
        return str(self.environ.get("REMOTE_ADDR", ""))


def _next_frame(stream: Stream) -> bytes:
    """What to send now, once; the newest only."""
    if stream.ending:
        metrics.DELIVERED.labels(stream.ending).inc()
        again = _retry() if stream.ending == BYE else b""
        return again + b"event: %b\ndata: {}\n\n" % stream.ending.encode()
    if stream.resync:
        stream.resync, stream.sent = False, stream.rev
        metrics.DELIVERED.labels("resync").inc()
        return b"event: resync\ndata: {}\n\n"
    if stream.rev > stream.sent:
        stream.sent = stream.rev
        metrics.DELIVERED.labels("change").inc()
        return b'id: %d\nevent: change\ndata: {"rev":%d}\n\n' % (stream.rev, stream.rev)
    return HEARTBEAT


def _retry() -> bytes:
    return b"retry: %d\n\n" % random.randint(*RETRY)  # noqa: S311 - spreads load only


def _can_send(socket: Any) -> bool:
    try:
        wait_write(socket.fileno(), timeout=SEND_SECONDS, timeout_exc=TimeoutError())
    except TimeoutError:
        # gunicorn must not wait for it either, when it ends the answer.
        socket.shutdown(2)
        return False
    return True
