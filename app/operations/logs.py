"""The log line of a request, and the ids by which its lines are found."""

import logging
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Request
from flask.ctx import _AppCtxGlobals

from app.log_format import log_ids, request_id, trace_id, write_lines
from app.operations import later

# Lines that wait; the oldest go, and are counted, when nobody takes what is written.
_lines: deque[dict[str, Any]] = deque(maxlen=10_000)
_lost: deque[None] = deque()
_writing = threading.Lock()
_root = logging.getLogger()
_logger = structlog.get_logger(__name__)


def identify(kept: _AppCtxGlobals, environ: dict[str, Any]) -> None:
    """Give a request its id, and its log lines that and the id of its trace.

    Args:
        kept: gets the id as `request_id`: what X-Request-ID says, else a new one.
        environ: of the request.
    """
    kept.request_id = request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    ids = {"request_id": kept.request_id}
    trace = trace_id(environ.get("HTTP_TRACEPARENT", ""))
    if trace:
        ids["trace_id"] = trace
    log_ids.set(ids)


def forget() -> None:
    """Let what the thread writes next be of no request: it may be gunicorn's own."""
    log_ids.set({})


def tell(
    kept: _AppCtxGlobals, asked: Request, route: str, status: int, seconds: float, slow: float
) -> None:
    """Leave the line of a request to be written.

    Args:
        kept: for the time of the request; what a feature has to say of it is its `log_facts`, so
            that it costs no line of its own.
        asked: the request.
        route: the rule that it matched.
        status: of its answer.
        seconds: that it took.
        slow: seconds above which it is told as slow.
    """
    if not _root.isEnabledFor(logging.INFO):
        return
    facts = {"event": "request", "event_kind": "request", **kept.get("log_facts", {})}
    if seconds > slow:
        facts["event_kind"] = "slow_request"
    facts |= {
        "method": asked.method,
        "route": route,
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
        "user_agent": asked.environ.get("HTTP_USER_AGENT", "")[:300],
        "client_ip": asked.remote_addr,
        "user_id": kept.get("user_id"),
        **log_ids.get(),
        "level": "info",
        "timestamp": datetime.now(UTC),
    }
    if len(_lines) == _lines.maxlen:
        _lost.append(None)
    _lines.append(facts)
    later.soon()


def _write() -> None:
    with _writing:
        write_lines(later.taken(_lines))
    if lost := len(later.taken(_lost)):
        _logger.error("log lines of requests are lost", event_kind="error", lines=lost)


later.register(_write)
