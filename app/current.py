"""The application that is at work."""

from flask import Flask, current_app


def this_app() -> Flask:
    """The application itself, which another thread can hold; `current_app` is of one context."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app
