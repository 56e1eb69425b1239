"""Security headers (OWASP Secure Headers Project) and CORS."""

from apiflask import APIFlask
from flask import Response, request
from flask_cors import CORS

from app.settings import Settings

YEAR_SECONDS = 31_536_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": f"max-age={YEAR_SECONDS}; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
EXPOSED = (
    "ETag",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
)


def init_app(app: APIFlask, settings: Settings) -> None:
    """Add the headers to every answer, and CORS for the origins of the settings."""
    CORS(
        app,
        origins=list(settings.cors_origins),
        expose_headers=list(EXPOSED),
        allow_headers=["Authorization", "Content-Type", "If-Match", "If-None-Match"],
        max_age=600,
    )

    @app.after_request
    def add(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/v1/"):
            # Private data: no cache between here and the device may keep it.
            response.headers.setdefault("Cache-Control", "no-store")
        return response
