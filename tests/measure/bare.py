"""The API without metrics, request ids and a log line for each request, to compare with it."""

from apiflask import APIFlask
from flask import g

from app.log_format import configure
from app.operations import metrics, requests
from app.settings import Settings


def _note_nothing(app: APIFlask, _settings: Settings) -> None:
    configure("ERROR")

    @app.before_request
    def begin() -> None:
        # Answers of errors name it.
        g.request_id = ""


requests.init_app = _note_nothing
metrics.init_app = lambda _app: None

from wsgi import app  # noqa: E402

__all__ = ["app"]
