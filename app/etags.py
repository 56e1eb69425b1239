"""Conditional requests (RFC 9110, section 13) on rows: the ETag is the revision."""

from typing import Any, Protocol

from flask import Response, has_request_context, make_response, request
from pydantic import BaseModel

from app.errors import PreconditionFailed


class Revised(Protocol):
    """A row whose `rev` changes whenever it does."""

    @property
    def rev(self) -> int: ...


def etag_of(row: Revised) -> str:
    """The row's revision, without quotes."""
    return str(row.rev)


def require_match(row: Revised | None, schema: type[BaseModel]) -> None:
    """Compare the request's If-Match and If-None-Match with a row.

    A weak ETag will do: a proxy that compresses weakens it, and a revision is of the content.

    Args:
        row: what a write would replace; None when there is nothing yet.
        schema: of its state in the answer.

    Raises:
        PreconditionFailed: the row has changed since the client read it, or is there although the
            client wants to make it; its present state is in the answer.
    """
    if not has_request_context():
        # A command states no condition.
        return
    wanted, unwanted = request.if_match, request.if_none_match
    if row is None:
        if wanted:
            raise PreconditionFailed("The row is not there any more.", current=None)
    elif (wanted and not wanted.contains_weak(etag_of(row))) or unwanted.contains_weak(
        etag_of(row)
    ):
        current = schema.model_validate(row).model_dump(mode="json")
        raise PreconditionFailed("The row has changed since you read it.", current=current)


def row_response(row: Revised, schema: type[BaseModel], status: int = 200) -> Response:
    """Answer a row with its ETag; 304 without a body when If-None-Match has it."""
    body: dict[str, Any] = schema.model_validate(row).model_dump(mode="json")
    response = make_response(body, status)
    response.set_etag(etag_of(row))
    if request.method == "GET":
        response.make_conditional(request)
    return response
