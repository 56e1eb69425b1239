"""Rate limits of every request, and what clients are told of them.

The headers are those of draft-ietf-httpapi-ratelimit-headers-06: Reset is in seconds from now.
"""

import math
import time

from apiflask import APIFlask
from flask import Response, current_app, request

from app.extensions import limiter, redis
from app.operations.metrics import RATE_LIMIT_UNAVAILABLE


def init_app(app: APIFlask) -> None:
    """Limit every endpoint that is not exempt, over all together, and tell clients what is left."""
    limiter.init_app(redis.client, on_outage=RATE_LIMIT_UNAVAILABLE.inc)

    @app.before_request
    def count() -> None:
        # What matches no route costs little, and files of the docs are no use of the API.
        if request.endpoint is None or request.endpoint == "static":
            return
        if not hasattr(current_app.view_functions[request.endpoint], "unlimited"):
            limiter.check("rate_limit_default", scope="all")

    @app.after_request
    def tell(response: Response) -> Response:
        limit = limiter.current
        if limit is None:
            return response
        seconds = max(0, math.ceil(limit.ends - time.time()))
        response.headers["RateLimit-Limit"] = str(limit.limit.amount)
        response.headers["RateLimit-Remaining"] = str(limit.remaining)
        response.headers["RateLimit-Reset"] = str(seconds)
        if limit.breached:
            response.headers["Retry-After"] = str(seconds)
        return response
