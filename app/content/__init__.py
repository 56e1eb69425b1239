"""Content: public documents in many languages, in collections that the products declare."""

from apiflask import APIFlask

from app.content import cli, collections, upstream
from app.content.admin_routes import admin_content
from app.content.routes import content
from app.settings import Settings


def init_app(app: APIFlask, settings: Settings) -> None:
    """Serve the collections of the products, with their commands and their upstream."""
    collections.init_app(app, settings)
    upstream.init_app(app, settings)
    app.register_blueprint(content)
    app.register_blueprint(admin_content)
    app.cli.add_command(cli.content)
