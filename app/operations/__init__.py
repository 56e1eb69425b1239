"""What every request passes through, and what operators look at."""

from apiflask import APIFlask

from app.operations import (
    bodies,
    flags,
    headers,
    health,
    limits,
    maintenance,
    metrics,
    requests,
    sentry,
)
from app.settings import Settings


def init_app(app: APIFlask, settings: Settings) -> None:
    """Hook all operations into the app; the order is the order in which a request meets them."""
    sentry.init_app(settings)
    requests.init_app(app, settings)
    metrics.init_app(app)
    headers.init_app(app, settings)
    maintenance.init_app(app, settings)
    bodies.init_app(app)
    flags.init_app(app, settings)
    limits.init_app(app)
    health.init_app(app)
    app.register_blueprint(metrics.blueprint)
    app.register_blueprint(flags.blueprint)
