"""Maintenance mode: while a file exists, the API answers 503 and health goes on."""

from apiflask import APIFlask
from flask import request

from app.errors import Unavailable
from app.settings import Settings

OPEN_PATHS = ("/health", "/internal/")


def init_app(app: APIFlask, settings: Settings) -> None:
    """Refuse requests while FIVEBOX_MAINTENANCE_FILE exists."""
    retry_after = {"Retry-After": str(settings.maintenance_retry_seconds)}

    @app.before_request
    def refuse() -> None:
        if settings.maintenance_file.exists() and not request.path.startswith(OPEN_PATHS):
            raise Unavailable("The service is being maintained; try again.", headers=retry_after)
