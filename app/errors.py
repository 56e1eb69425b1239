"""Errors as RFC 9457 problem details: every answer of 400 and above has this one shape."""

from http import HTTPStatus
from typing import Any, Self

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, current_app, g, got_request_exception, request
from psycopg.errors import IdleInTransactionSessionTimeout
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from app.converters import MalformedSegment
from app.current import this_app
from app.database.connection import is_disk_full
from app.problems import CONTENT_TYPE, problem_body

INVALID = "The input is not valid."
# Python 3.13 took over newer phrases; these words must not change with it.
_WORDS = {413: "content-too-large", 414: "uri-too-long", 416: "range-not-satisfiable"}

# What pydantic says in terms of its own.
_TEXTS = {
    "extra_forbidden": "is not a known field",
    "missing": "is required",
    "model_type": "must be a JSON object",
}
# What werkzeug says is for people who typed an address.
_DETAILS = {
    404: "There is nothing at this path.",
    405: "This path does not take this method; the header Allow lists those that it does.",
}

logger = structlog.get_logger(__name__)


class Problem(Exception):
    """An error that knows its own response.

    Subclasses set `status` and `type` (a stable word that clients may compare); `detail` says what
    is wrong and how to mend it; further keywords become members of the body.
    """

    status = 400
    type = "bad-request"

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra


class Unauthorized(Problem):
    status, type = 401, "unauthorized"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="fivebox"'}, **extra)


class Forbidden(Problem):
    status, type = 403, "forbidden"


class NotFound(Problem):
    status, type = 404, "not-found"


class Conflict(Problem):
    status, type = 409, "conflict"


class PreconditionFailed(Problem):
    """The row changed since the client read it; `current` in the body is its present state."""

    status, type = 412, "precondition-failed"


class Misdirected(Problem):
    """Another server answers this address."""

    status, type = 421, "misdirected-request"


class Unprocessable(Problem):
    """The input is well-formed but breaks a rule; `errors` lists field and fault."""

    status, type = 422, "invalid-input"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(INVALID, errors=[{"field": field, "detail": detail}])


class TooManyRequests(Problem):
    status, type = 429, "too-many-requests"

    @classmethod
    def for_seconds(cls, reason: str, seconds: int) -> Self:
        """Make one that says when to try again, in its words and in Retry-After."""
        unit = "second" if seconds == 1 else "seconds"
        return cls(
            f"{reason}; try again in {seconds} {unit}.", headers={"Retry-After": str(seconds)}
        )


class Unavailable(Problem):
    status, type = 503, "unavailable"


class FeatureOff(Problem):
    """The operator turned the feature off."""

    status, type = 403, "feature-off"


class FeaturePaused(Problem):
    """The operator turned the feature off for a while: what clients hold they send later."""

    status, type = 503, "feature-off"


class AccountDeleting(Unauthorized):
    """The account waits for its deletion; nobody can log in to it."""

    type = "account-deleting"

    def __init__(self) -> None:
        super().__init__("This account is being deleted; ask the operator to restore it.")


def problem_response(
    status: int,
    type_: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> Response:
    """Build a problem response (RFC 9457); `request_id` in it finds the log lines.

    Args:
        status: HTTP status.
        type_: stable word of the kind of problem, sent as `urn:fivebox:problem:<word>`.
        detail: text for people.
        headers: further response headers.
        extra: further members of the body.
    """
    body = problem_body(status, type_, detail, g.get("request_id"), **extra)
    return Response(
        current_app.json.dumps(body), status=status, headers=headers, content_type=CONTENT_TYPE
    )


def invalid_input(error: ValidationError) -> Problem:
    """Make the problem 422 that names each faulty field of a schema."""
    problem = Unprocessable("", "")
    problem.extra["errors"] = [
        {
            # A rule between several fields is of the input as a whole.
            "field": ".".join(str(part) for part in item["loc"]) or "input",
            "detail": _TEXTS.get(item["type"]) or item["msg"].removeprefix("Value error, "),
        }
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return problem


def init_app(app: APIFlask) -> None:
    """Answer every error of the app with a problem."""
    app.error_processor(_from_apiflask)
    app.register_error_handler(Problem, _from_problem)
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(OperationalError, _from_lost_database)
    app.register_error_handler(PoolTimeoutError, _from_lost_database)
    app.register_error_handler(InternalError, _from_internal_error)
    app.register_error_handler(Exception, _from_bug)


def _from_problem(error: Problem) -> Response:
    return problem_response(error.status, error.type, error.detail, error.headers, **error.extra)


def _from_apiflask(error: HTTPError) -> Response:
    if isinstance(error.__cause__, ValidationError):
        return _from_problem(invalid_input(error.__cause__))
    status = HTTPStatus(error.status_code)
    return problem_response(status.value, _word(status), error.message or status.phrase)


def _from_werkzeug(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    headers = {k: v for k, v in error.get_headers() if k in ("Allow", "Retry-After", "Location")}
    if 300 <= status < 400:
        return Response(status=status, headers=headers)
    told = None if isinstance(error, MalformedSegment) else _DETAILS.get(status)
    detail = told or error.description or ""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        detail = f"More than {detail}; wait for the seconds of Retry-After."
    elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and request.max_content_length:
        detail = f"A body may have {request.max_content_length} bytes at most."
    return problem_response(status.value, _word(status), detail, headers)


def _from_lost_database(error: DBAPIError | PoolTimeoutError) -> Response:
    if is_disk_full(error):
        logger.error("disk of the database full", event_kind="error", exc_info=error)
        return problem_response(
            507,
            "insufficient-storage",
            "The server's disk is full: nothing was written, and reading goes on. Try again later.",
            {"Retry-After": "60"},
        )
    logger.error("database unavailable", event_kind="error", exc_info=error)
    return problem_response(
        503,
        "unavailable",
        "The database does not answer; try again shortly.",
        {"Retry-After": "2"},
    )


def _from_internal_error(error: InternalError) -> Response:
    # The server ends a transaction that waits too long, as behind a stalled process.
    if is_disk_full(error) or isinstance(error.orig, IdleInTransactionSessionTimeout):
        return _from_lost_database(error)
    return _from_bug(error)


def _from_bug(error: Exception) -> Response:
    logger.error("unhandled error", event_kind="error", exc_info=error)
    # Flask sends it only for errors that have no handler.
    got_request_exception.send(this_app(), exception=error)
    return problem_response(
        500, "internal-error", "Something went wrong here; the request id finds it in the logs."
    )


def _word(status: HTTPStatus) -> str:
    return _WORDS.get(status) or status.phrase.lower().replace(" ", "-")
