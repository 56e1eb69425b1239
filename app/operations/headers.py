"""Security headers (OWASP Secure Headers Project) and CORS."""

from apiflask import APIFlask
from flask import Response, request
from flask_cors import CORS

from app.response_headers import EXPOSED, PREFLIGHT_SECONDS, SECURITY
from app.settings import Settings


def init_app(app: APIFlask, settings: Settings) -> None:
    """Add the headers to every answer, and CORS for the origins of the settings."""
    CORS(
        app,
        origins=list(settings.cors_origins),
        expose_headers=list(EXPOSED),
        allow_headers=["Authorization", "Content-Type", "If-Match", "If-None-Match"],
        max_age=PREFLIGHT_SECONDS,
    )

    @app.after_request
    def add(response: Response) -> Response:
        present = {name.lower() for name, _ in response.headers}
        response.headers.extend(
            (name, value) for name, value in SECURITY.items() if name.lower() not in present
        )
        if request.path.startswith("/v1/"):
            # Private data: no cache between here and the device may keep it.
            response.headers.setdefault("Cache-Control", "no-store")
        return response
