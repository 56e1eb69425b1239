"""Files of users: portraits, attachments; the database knows them, a storage has their bytes."""

from apiflask import APIFlask

from app.files import account_data as account_data
from app.files.cli import files
from app.files.purposes import collect_purposes
from app.files.routes import blueprint
from app.files.storage import open_storage
from app.settings import Settings


def init_app(app: APIFlask, settings: Settings) -> None:
    """Add the endpoints, the commands, and the storage of the settings.

    Raises:
        ValueError: the purposes of two products have one name, or a type that nothing recognizes.
    """
    app.extensions["file_storage"] = open_storage(settings)
    app.extensions["file_purposes"] = collect_purposes(settings.products)
    app.register_blueprint(blueprint)
    app.cli.add_command(files)
