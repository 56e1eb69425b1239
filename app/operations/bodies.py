"""Only JSON bodies are read.

A browser sends `text/plain` across origins without asking first (no CORS preflight), so a body of
another type must not be parsed as JSON, which APIFlask would do.
"""

from apiflask import APIFlask
from flask import request
from werkzeug.exceptions import UnsupportedMediaType

METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def init_app(app: APIFlask) -> None:
    """Refuse bodies that are not JSON with 415."""

    @app.before_request
    def refuse_other_types() -> None:
        if request.method not in METHODS_WITH_BODY or request.url_rule is None:
            return
        has_body = bool(request.content_length) or request.headers.get("Transfer-Encoding")
        if has_body and request.mimetype != "application/json":
            raise UnsupportedMediaType("Send the body as application/json.")
