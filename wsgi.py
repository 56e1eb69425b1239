"""The entry of gunicorn and of the flask command."""

import os
import sys

from app.factory import create_app
from app.settings import PREFIX, SettingsError

try:
    app = create_app()
except SettingsError as error:
    if not any(name.startswith(PREFIX) for name in os.environ):
        sys.exit(
            'There are no settings here; beside "make run": make flask ARGS="create-admin --help"; '
            "on a host: fivebox create-admin --help"
        )
    sys.exit(f"The settings are not valid:\n{error}")
