"""What is at work: the objects themselves, where a proxy will not do.

A proxy is of one context, which another thread has not; and it costs a look-up each time, which
those feel who ask it ten times in each request.
"""

from flask import Flask, Request, current_app, g, request
from flask.ctx import _AppCtxGlobals


def this_app() -> Flask:
    """The application."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def this_request() -> Request:
    """The request."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def this_g() -> _AppCtxGlobals:
    """What is kept for the time of the request."""
    found: _AppCtxGlobals = g._get_current_object()
    return found
