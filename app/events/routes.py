"""The endpoint of live updates as the API's document has it; another process answers it."""

from typing import Any, NoReturn

from apiflask import APIBlueprint
from flask import current_app

from app.accounts.authentication import auth
from app.errors import Misdirected

EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": (
            "Server-sent events. `resync`: pull, now and at the start of every stream. `change` "
            'with `{"rev": N}`: pull, rows changed up to revision N. `expired`: refresh the '
            "access token and connect again. `revoked`: the device is logged out. `bye`: connect "
            "again after the `retry` time. A comment is sent when all is quiet."
        ),
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "string",
                    "examples": ['id: 17\nevent: change\ndata: {"rev":17}\n\n'],
                }
            }
        },
    },
    421: {"description": "This address serves no streams; the detail names the one that does."},
}

events = APIBlueprint("events", __name__, url_prefix="/v1", tag="Live updates")


@events.get("/events")
@events.auth_required(auth)
@events.doc(responses=EVENT_STREAM)
def stream_events() -> NoReturn:
    """Stream a word about each change of your rows, made on whatever device.

    An event does not carry the change: pull for it. Each stream begins with `resync`, so nothing is
    missed between two; `Last-Event-ID` is accepted and not needed.
    """
    settings = current_app.extensions["settings"]
    url = settings.events_url or settings.public_url
    raise Misdirected(f"Live updates are at {url}/v1/events, served by a process of their own.")
