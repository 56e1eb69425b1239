"""Problem details (RFC 9457), as both processes send them."""

from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"


def problem_body(
    status: int, type_: str, detail: str, request_id: str | None, **extra: Any
) -> dict[str, Any]:
    """The members of a problem; `extra` are further ones.

    Args:
        status: HTTP status.
        type_: stable word of the kind of problem, sent as `urn:fivebox:problem:<word>`.
        detail: text for people.
        request_id: finds the log lines.
    """
    return {
        "type": f"urn:fivebox:problem:{type_}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **extra,
    }
