"""What every request passes through, and what operators look at."""

from apiflask import APIFlask

from app.operations import bodies, headers, health, limits, logs, maintenance, metrics
from app.settings import Settings


def init_app(app: APIFlask, settings: Settings) -> None:
    """Hook all operations into the app; the order is the order in which a request meets them."""
    logs.init_app(app, settings)
    metrics.init_app(app)
    headers.init_app(app, settings)
    maintenance.init_app(app, settings)
    bodies.init_app(app)
    limits.init_app(app, settings)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
