"""The entry of gunicorn for live updates."""

import sys

from app.events.stream import EventsApp
from app.settings import SettingsError, load_settings

try:
    app = EventsApp(load_settings())
except SettingsError as error:
    sys.exit(f"The settings are not valid:\n{error}")
