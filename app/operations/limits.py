"""Rate limits per client, counted in Redis; without Redis each worker counts for itself.

The headers are those of draft-ietf-httpapi-ratelimit-headers-06: Reset is in seconds from now.
"""

import logging
import math
import time

from apiflask import APIFlask
from flask import Response, current_app, request

from app.extensions import limiter, redis
from app.operations.limit_storage import SCHEME
from app.operations.metrics import RATE_LIMIT_UNAVAILABLE

STRATEGY = "fixed-window"


class _CountOutages(logging.Handler):
    """Flask-Limiter tells of a lost storage only in its log."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            RATE_LIMIT_UNAVAILABLE.inc()


def init_app(app: APIFlask) -> None:
    """Limit every endpoint that is not exempt, and tell clients what is left."""
    app.config.update(
        RATELIMIT_STORAGE_URI=f"{SCHEME}redis://",
        RATELIMIT_STORAGE_OPTIONS={"connection_pool": redis.client.connection_pool},
        # Over all endpoints but sync together; a "default" limit would count each endpoint apart.
        RATELIMIT_APPLICATION=_default_limit,
        RATELIMIT_STRATEGY=STRATEGY,
        # Another strategy keeps other types under the same keys, which Redis refuses.
        RATELIMIT_KEY_PREFIX=f"fivebox:{STRATEGY}",
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
    )
    limiter.init_app(app)
    log = logging.getLogger("flask-limiter")
    if not any(isinstance(handler, _CountOutages) for handler in log.handlers):
        log.addHandler(_CountOutages())

    @app.after_request
    def tell(response: Response) -> Response:
        limit = limiter.current_limit
        if limit is None:
            return response
        seconds = max(0, math.ceil(limit.reset_at - time.time()))
        response.headers["RateLimit-Limit"] = str(limit.limit.amount)
        response.headers["RateLimit-Remaining"] = str(max(0, limit.remaining))
        response.headers["RateLimit-Reset"] = str(seconds)
        if limit.breached:
            response.headers["Retry-After"] = str(seconds)
        return response


@limiter.request_filter
def _turned_off() -> bool:
    # A browser asks before each request across origins (CORS preflight), without a token.
    asks_first = request.method == "OPTIONS"
    return asks_first or not current_app.extensions["settings"].rate_limits_enabled


def _default_limit() -> str:
    limit: str = current_app.extensions["settings"].rate_limit_default
    return limit
