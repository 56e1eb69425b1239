"""What is noted of every request: its id, its log line and its metrics.

One hook before and one after for all of it: every request passes them, and a hook of its own costs
as much as what it does.
"""

from time import perf_counter

from apiflask import APIFlask
from flask import Request, Response

from app.current import this_g, this_request
from app.log_format import configure
from app.operations import logs, metrics
from app.settings import Settings


def init_app(app: APIFlask, settings: Settings) -> None:
    """Log and measure every request; its id is sent back as X-Request-ID."""
    configure(settings.log_level)
    slow_seconds = settings.slow_request_ms / 1000

    @app.before_request
    def begin() -> None:
        kept = this_g()
        kept.started = perf_counter()
        logs.identify(kept, this_request().environ)
        metrics.enter(id(kept))

    @app.after_request
    def end(response: Response) -> Response:
        kept, asked = this_g(), this_request()
        seconds = perf_counter() - kept.started
        matched, status = _route(asked), response.status_code
        response.headers["X-Request-ID"] = kept.request_id
        metrics.answered(asked.method, matched, status, seconds)
        logs.tell(kept, asked, matched, status, seconds, slow_seconds)
        return response

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        metrics.leave(id(this_g()))
        logs.forget()


def _route(asked: Request) -> str:
    """The rule that a request matched, never its path: paths are unbounded and may be private."""
    return asked.url_rule.rule if asked.url_rule else "unmatched"
