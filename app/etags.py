"""Conditional requests (RFC 9110, section 13) on rows: the ETag is the revision."""

import re
from typing import Any, Protocol

from flask import Flask, Response, has_request_context, make_response, request
from pydantic import BaseModel

from app.errors import PreconditionFailed, Problem

HEADERS = ("If-Match", "If-None-Match")
_TAG = '(W/)?"[!#-~]*"'
# Entity tags in a list, or `*` (RFC 9110, section 8.8.3); in JSON Schema too.
TAGS = rf"^{_TAG}( *, *{_TAG})*$"
CONDITION = rf"^\*$|{TAGS}"


class MalformedCondition(Problem):
    """The header holds something else than entity tags; nothing could be compared with it."""


class Revised(Protocol):
    """A row whose `rev` changes whenever it does."""

    @property
    def rev(self) -> int: ...


def init_app(app: Flask) -> None:
    """Refuse conditions that are none with 400: unread, a write would go on without them."""

    @app.before_request
    def refuse_malformed() -> None:
        for name in HEADERS:
            value = request.headers.get(name)
            if value is not None and not re.search(CONDITION, value.strip()):
                raise MalformedCondition(
                    f'{name}: {value} is no entity tag such as "7", in quotation marks.'
                )


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
