"""The log line of every request."""

import logging
from time import perf_counter

from apiflask import APIFlask
from flask import Request, Response, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.current import this_g, this_request
from app.log_format import configure, request_id, trace_id, write_line
from app.settings import Settings

logger = logging.getLogger("fivebox")


def init_app(app: APIFlask, settings: Settings) -> None:
    """Log every request; its id comes from X-Request-ID or is made here, and is sent back.

    All its lines have that id, and the id of the trace if it came with one.
    """
    configure(settings.log_level)
    slow_seconds = settings.slow_request_ms / 1000

    @app.before_request
    def begin() -> None:
        kept, environ = this_g(), request.environ
        kept.started = perf_counter()
        kept.request_id = request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        ids = kept.log_ids = {"request_id": kept.request_id}
        trace = trace_id(environ.get("HTTP_TRACEPARENT", ""))
        if trace:
            ids["trace_id"] = trace
        clear_contextvars()
        bind_contextvars(**ids)

    @app.after_request
    def end(response: Response) -> Response:
        kept, asked = this_g(), this_request()
        seconds = perf_counter() - kept.started
        response.headers["X-Request-ID"] = kept.request_id
        # What a feature has to say of its request, in the one line that it costs.
        facts = {"event_kind": "request", **kept.get("log_facts", {})}
        if seconds > slow_seconds:
            facts["event_kind"] = "slow_request"
        facts |= {
            "method": asked.method,
            "route": route(asked),
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 1),
            "user_agent": asked.environ.get("HTTP_USER_AGENT", "")[:300],
            "client_ip": asked.remote_addr,
            "user_id": kept.get("user_id"),
        }
        write_line(logger, "request", facts | kept.log_ids)
        return response


def route(asked: Request) -> str:
    """The rule that a request matched, never its path: paths are unbounded and may be private."""
    return asked.url_rule.rule if asked.url_rule else "unmatched"
