"""Only JSON bodies are read.

A browser sends `text/plain` across origins without asking first (no CORS preflight), so a body of
another type must not be parsed as JSON, which APIFlask would do. APIFlask also takes the body
`null` for an empty object, which would pass as a change of nothing.
"""

from typing import Any

from apiflask import APIFlask
from flask import Request, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class JsonRequest(Request):
    """A request whose JSON is never null."""

    def get_json(self, *args: Any, **options: Any) -> Any:
        """Parse the body.

        Raises:
            BadRequest: it is not JSON, or it is null.
        """
        body = super().get_json(*args, **options)
        if body is None:
            raise BadRequest("The body must be a JSON object.")
        return body


def init_app(app: APIFlask) -> None:
    """Refuse bodies that are not JSON with 415, and null with 400."""
    app.request_class = JsonRequest

    @app.before_request
    def refuse_other_types() -> None:
        if request.method not in METHODS_WITH_BODY or request.url_rule is None:
            return
        has_body = bool(request.content_length) or request.headers.get("Transfer-Encoding")
        if has_body and request.mimetype != "application/json":
            raise UnsupportedMediaType("Send the body as application/json.")
