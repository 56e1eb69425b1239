"""The entry of gunicorn and of the flask command."""

import sys

from app.factory import create_app
from app.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"The settings are not valid:\n{error}")
