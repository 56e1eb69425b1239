"""Structured logs: one JSON object a line on standard output, without secrets."""

import logging
import re
import sys
from contextvars import ContextVar
from functools import lru_cache
from random import getrandbits
from typing import Any

import orjson
import structlog

from app.version import version

REDACTED = "[redacted]"
# Of the request that is being answered: all its lines have them.
log_ids: ContextVar[dict[str, str]] = ContextVar("log_ids", default={})  # noqa: B039 - never changed
_SECRET_KEY = re.compile(r"passw|passphrase|secret|token|cookie|authorization|pepper|dsn", re.I)
# A token in a text, such as in the message of an exception.
_BEARER = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]+|eyJ[\w-]+\.[\w-]+\.[\w-]+")
# A secret named in a text: password=…, "refresh_token": "…", and the password of a URL.
_NAMED = re.compile(
    r"(?i)((?:passw\w{0,20}|passphrase|secret|token|pepper|authorization)[\"']?\s{0,3}[=:]\s{0,3})"
    r"(\"[^\"]*\"|'[^']*'|[^\s,;&}\])]+)|(cookie[\"']?\s{0,3}[=:]).+"
)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^@\s/]+(?=@)")
# One of these, in small letters, is in all that the patterns above find, in JSON as well: to look
# for them costs less.
_SIGNS = (
    "bearer",
    "eyj",
    "passw",
    "passphrase",
    "secret",
    "token",
    "pepper",
    "authorization",
    "cookie",
    "dsn",
    "://",
)
# What is written at once, in characters: a socket, such as the journal's, takes some 36 KB without
# taking another process's lines between them.
CHARACTERS_AT_ONCE = 8192
_SERVICE = {"service": "fivebox", "version": version()}
_CALLER_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# https://www.w3.org/TR/trace-context/#traceparent-header; a later version may have more fields.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def request_id(given: str) -> str:
    """The id of a request: what its caller gave in X-Request-ID, if that is one, else a new one."""
    if given and _CALLER_ID.fullmatch(given):
        return given
    # It is a name, not a secret; the system's generator would cost ten times as much.
    return f"{getrandbits(128):032x}"


def trace_id(traceparent: str) -> str | None:
    """The id of the trace that a request belongs to (W3C Trace Context), or None.

    Args:
        traceparent: the header of that name; one that is malformed is as good as none.
    """
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    # Version 0 has exactly these four fields.
    if found is None or (traceparent.startswith("00") and len(traceparent) > 55):
        return None
    return found[1]


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


def write_lines(lines: list[dict[str, Any]]) -> None:
    """Write lines that are complete but for what all lines have, without records of `logging`.

    Args:
        lines: each with its event, level, timestamp and further members; secrets in them are
            hidden.
    """
    batch = ""
    for line in map(_line, lines):
        if batch and len(batch) + len(line) > CHARACTERS_AT_ONCE:
            _write(batch)
            batch = ""
        batch += line
    if batch:
        _write(batch)


def _write(text: str) -> None:
    for handler in logging.getLogger().handlers:
        # At the end of a process what is closed takes no more.
        if isinstance(handler, logging.StreamHandler) and not handler.stream.closed:
            try:
                # Every handler that logging makes has one.
                with handler.lock:  # type: ignore[union-attr]
                    handler.stream.write(text)
                    handler.stream.flush()
            except OSError:
                handler.handleError(logging.makeLogRecord({"msg": text}))


def _line(members: dict[str, Any]) -> str:
    members |= _SERVICE
    try:
        text = _to_json(members)
    except TypeError:
        # What JSON has no word for; the others of the batch are of other requests.
        members = {name: _readable(value) for name, value in members.items()}
        text = _to_json(members)
    if _may_hold_secret(text):
        text = _to_json(redact(None, "info", members))
    return text + "\n"


def _readable(value: object) -> str:
    # Half a character of two, for which UTF-8 has no bytes.
    return str(value).encode(errors="backslashreplace").decode()


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
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_ids,
        structlog.processors.format_exc_info,
        redact,
    ]


def redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Structlog processor: hide the values of secret-looking keys, and tokens inside texts."""
    # A mail that development shows is no use without the token in its link.
    mail = event.get("text") if event.get("event_kind") == "mail" else None
    for key, value in event.items():
        event[key] = hide_secrets(key, value)
    return event if mail is None else {**event, "text": mail}


def hide_secrets(key: str, value: Any) -> Any:
    """The value, hidden when its key looks secret, and without secrets when it is a text."""
    if _is_secret(key):
        return REDACTED
    if not isinstance(value, str):
        return value
    if not _may_hold_secret(value):
        return value
    text = _NAMED.sub(rf"\1\3{REDACTED}", _BEARER.sub(REDACTED, value))
    return _URL_PASSWORD.sub(rf"\1{REDACTED}", text)


def _may_hold_secret(text: str) -> bool:
    small = text.lower()
    # A loop: `any` with a generator takes twice as long.
    for sign in _SIGNS:  # noqa: SIM110
        if sign in small:
            return True
    return False


@lru_cache(maxsize=1000)
def _is_secret(key: str) -> bool:
    return bool(_SECRET_KEY.search(key))


def _add_ids(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return {**log_ids.get(), **event, **_SERVICE}


def _to_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z).decode()
