"""Structured logs: one JSON object a line on standard output, without secrets."""

import logging
import re
import sys
from functools import lru_cache
from typing import Any
from uuid import uuid4

import orjson
import structlog

from app.settings import version

REDACTED = "[redacted]"
_SECRET_KEY = re.compile(r"passw|passphrase|secret|token|cookie|authorization|pepper|dsn", re.I)
# A token in a text, such as in the message of an exception.
_BEARER = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]+|eyJ[\w-]+\.[\w-]+\.[\w-]+")
# What every such token has, in small letters: to look for it costs less than the pattern.
_BEARER_SIGNS = ("bearer", "eyj")
_CALLER_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id(given: str) -> str:
    """The id of a request: what its caller gave in X-Request-ID, if that is one, else a new one."""
    return given if _CALLER_ID.fullmatch(given) else uuid4().hex


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
    # No line names its place in the code, its thread or process: looking for them costs as much as
    # writing it. https://docs.python.org/3/howto/logging.html#optimization
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
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
        event[key] = hide_secrets(key, value)
    return event


def hide_secrets(key: str, value: Any) -> Any:
    """The value, hidden when its key looks secret, and without tokens when it is a text."""
    if _is_secret(key):
        return REDACTED
    if isinstance(value, str):
        small = value.lower()
        if any(sign in small for sign in _BEARER_SIGNS):
            return _BEARER.sub(REDACTED, value)
    return value


@lru_cache(maxsize=1000)
def _is_secret(key: str) -> bool:
    return bool(_SECRET_KEY.search(key))


def _add_service(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event["service"] = "fivebox"
    event["version"] = version()
    return event


def _to_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
