"""Only JSON bodies are read, and uploads by the views that take them.

A browser sends `text/plain` across origins without asking first (no CORS preflight), so a body of
another type must not be parsed as JSON, which APIFlask would do. APIFlask also takes the body
`null` for an empty object, which would pass as a change of nothing.
"""

from collections.abc import Callable
from json import JSONDecodeError
from typing import Any, TypeVar

from apiflask import APIFlask
from flask import Request, current_app, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
JSON = "application/json"
MISSING = "Send a JSON object as the body."

View = TypeVar("View", bound=Callable[..., Any])


class JsonRequest(Request):
    """A request whose JSON is never null."""

    def get_json(self, *args: Any, **options: Any) -> Any:
        """Parse the body.

        Raises:
            BadRequest: it is not JSON, or it is null.
        """
        body = super().get_json(*args, **options)
        if body is None:
            raise BadRequest(MISSING)
        return body

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Answer 400 in the terms of this API: where the fault is, and what."""
        if not isinstance(e, JSONDecodeError):
            return super().on_json_loading_failed(e)
        if not self.get_data().strip():
            raise BadRequest(MISSING)
        fault = "it is not UTF-8" if "not valid UTF-8" in e.msg else e.msg
        raise BadRequest(
            f"The body is not valid JSON: line {e.lineno}, column {e.colno} ({fault})."
        )


def takes_body(media_type: str) -> Callable[[View], View]:
    """Decorator, the innermost, of a view that reads a body of another type than JSON."""

    def mark(view: View) -> View:
        view.media_type = media_type  # type: ignore[attr-defined]
        return view

    return mark


def media_type_of(view: Callable[..., Any]) -> str:
    """The media type of the bodies that a view takes."""
    return getattr(view, "media_type", JSON)


def init_app(app: APIFlask) -> None:
    """Refuse bodies of a type that the view does not take, or encoded ones, with 415, and null with
    400."""
    app.request_class = JsonRequest

    @app.before_request
    def refuse_other_types() -> None:
        if request.method not in METHODS_WITH_BODY or request.endpoint is None:
            return
        wanted = media_type_of(current_app.view_functions[request.endpoint])
        has_body = bool(request.content_length) or request.headers.get("Transfer-Encoding")
        if has_body and request.mimetype != wanted:
            raise UnsupportedMediaType(f"Send the body as {wanted}.")
        coding = request.headers.get("Content-Encoding", "identity")
        if has_body and coding.lower() != "identity":
            raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
