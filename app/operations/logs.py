"""The log line of every request."""

import logging
from time import perf_counter

from apiflask import APIFlask
from flask import Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

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
        g.started = perf_counter()
        ids = {"request_id": request_id(request.environ.get("HTTP_X_REQUEST_ID", ""))}
        trace = trace_id(request.environ.get("HTTP_TRACEPARENT", ""))
        if trace:
            ids["trace_id"] = trace
        g.request_id, g.log_ids = ids["request_id"], ids
        clear_contextvars()
        bind_contextvars(**ids)

    @app.after_request
    def end(response: Response) -> Response:
        seconds = perf_counter() - g.started
        response.headers["X-Request-ID"] = g.request_id
        # What a feature has to say of its request, in the one line that it costs.
        facts = {"event_kind": "request", **g.get("log_facts", {})}
        if seconds > slow_seconds:
            facts["event_kind"] = "slow_request"
        write_line(
            logger,
            "request",
            {
                **facts,
                "method": request.method,
                "route": route(),
                "status": response.status_code,
                "duration_ms": round(seconds * 1000, 1),
                "user_agent": request.headers.get("User-Agent", "")[:300],
                "client_ip": request.remote_addr,
                "user_id": g.get("user_id"),
                **g.log_ids,
            },
        )
        return response


def route() -> str:
    """The rule that the request matched, never its path: paths are unbounded and may be private."""
    return request.url_rule.rule if request.url_rule else "unmatched"
