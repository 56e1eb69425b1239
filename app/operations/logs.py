"""Structured logs: one JSON object a line on standard output."""

import logging
import re
import sys
from time import perf_counter
from typing import Any
from uuid import uuid4

import orjson
import structlog
from apiflask import APIFlask
from flask import Response, g, request

from app.settings import Settings, version

REDACTED = "[redacted]"
_SECRET_KEY = re.compile(r"passw|passphrase|secret|token|cookie|authorization|pepper|dsn", re.I)
# A token in a text, such as in the message of an exception.
_BEARER = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]+|eyJ[\w-]+\.[\w-]+\.[\w-]+")
_CALLER_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

logger = structlog.get_logger("fivebox")


def init_app(app: APIFlask, settings: Settings) -> None:
    """Log every request; its id comes from X-Request-ID or is made here, and is sent back."""
    configure(settings.log_level)
    slow_seconds = settings.slow_request_ms / 1000

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _CALLER_ID.fullmatch(given) else uuid4().hex
        g.started = perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        seconds = perf_counter() - g.started
        response.headers["X-Request-ID"] = g.request_id
        # What a feature has to say of its request, in the one line that it costs.
        facts = {"event_kind": "request", **g.get("log_facts", {})}
        if seconds > slow_seconds:
            facts["event_kind"] = "slow_request"
        logger.info(
            "request",
            **facts,
            method=request.method,
            route=route(),
            status=response.status_code,
            duration_ms=round(seconds * 1000, 1),
            user_agent=request.user_agent.string[:300],
            client_ip=request.remote_addr,
            user_id=g.get("user_id"),
        )
        return response


def route() -> str:
    """The rule that the request matched, never its path: paths are unbounded and may be private."""
    return request.url_rule.rule if request.url_rule else "unmatched"


def configure(level: str) -> None:
    """Send the logs of this process, also of its libraries, to standard output as JSON.

    Args:
        level: lowest level shown, such as INFO.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = json_formatter()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h.formatter, type(formatter))]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    """The formatter of all lines, also of gunicorn's."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
    )


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_service,
        structlog.processors.format_exc_info,
        redact,
    ]


def redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Structlog processor: hide the values of secret-looking keys, and tokens inside texts."""
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = REDACTED
        elif isinstance(value, str):
            event[key] = _BEARER.sub(REDACTED, value)
    return event


def _add_service(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event["service"] = "fivebox"
    event["version"] = version()
    return event


def _to_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
