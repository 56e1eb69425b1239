"""Endpoints of timers."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from app.accounts.authentication import auth, current_user_id
from app.etags import row_response
from app.products.timers import keys, service
from app.products.timers.schemas import (
    RewrapInput,
    TimerInput,
    TimerKeyInput,
    TimerKeyOutput,
    TimerKeysOutput,
    TimerOutput,
    TimerPatch,
    TimersOutput,
    TimersQuery,
)

blueprint = APIBlueprint("timers", __name__, url_prefix="/v1", tag="Timers")


@blueprint.get("/timers")
@blueprint.auth_required(auth)
@blueprint.input(TimersQuery, location="query", arg_name="query")
@blueprint.output(TimersOutput)
def list_timers(query: TimersQuery) -> dict[str, Any]:
    """List your timers, by the moment they are due."""
    return service.list_timers(current_user_id(), query)


@blueprint.post("/timers")
@blueprint.auth_required(auth)
@blueprint.input(TimerInput, arg_name="data")
@blueprint.output(TimerOutput, 201)
@blueprint.doc(
    responses={
        200: "A repeat: the timer is there already.",
        409: "The id is taken, or the nonce served before.",
    }
)
def create_timer(data: TimerInput) -> Response:
    """Create a timer, encrypted under one of your keys."""
    timer, new = service.create_timer(current_user_id(), data)
    return row_response(timer, TimerOutput, 201 if new else 200)


@blueprint.get("/timers/<row_id:timer_id>")
@blueprint.auth_required(auth)
@blueprint.output(TimerOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_timer(timer_id: str) -> Response:
    """Show a timer; the ETag is its revision."""
    return row_response(service.get_timer(current_user_id(), timer_id), TimerOutput)


@blueprint.patch("/timers/<row_id:timer_id>")
@blueprint.auth_required(auth)
@blueprint.input(TimerPatch, arg_name="data")
@blueprint.output(TimerOutput)
@blueprint.doc(
    responses={409: "The nonce served before.", 412: "It is not the revision of If-Match."}
)
def update_timer(timer_id: str, data: TimerPatch) -> Response:
    """Change a timer; with If-Match only if nobody else has."""
    timer = service.update_timer(current_user_id(), timer_id, data)
    return row_response(timer, TimerOutput)


@blueprint.delete("/timers/<row_id:timer_id>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_timer(timer_id: str) -> str:
    """Delete a timer."""
    service.delete_timer(current_user_id(), timer_id)
    return ""


@blueprint.get("/timer-keys")
@blueprint.auth_required(auth)
@blueprint.output(TimerKeysOutput)
def list_timer_keys() -> dict[str, Any]:
    """List your wrapped keys, with what derives the key that unwraps them from the passphrase."""
    return {"items": keys.list_keys(current_user_id())}


@blueprint.post("/timer-keys")
@blueprint.auth_required(auth)
@blueprint.input(TimerKeyInput, arg_name="data")
@blueprint.output(TimerKeyOutput, 201)
@blueprint.doc(
    responses={
        200: "A repeat: the key is there already.",
        409: "The id is taken, another key is current than `replaces` says, or there are 100.",
    }
)
def create_timer_key(data: TimerKeyInput) -> Response:
    """Store a wrapped key, which becomes the current one; the older ones stay."""
    key, new = keys.create_key(current_user_id(), data)
    return row_response(key, TimerKeyOutput, 201 if new else 200)


@blueprint.put("/timer-keys")
@blueprint.auth_required(auth)
@blueprint.input(RewrapInput, arg_name="data")
@blueprint.output(TimerKeysOutput)
@blueprint.doc(responses={409: "These are not all your keys, each in its present revision."})
def rewrap_timer_keys(data: RewrapInput) -> dict[str, Any]:
    """Wrap all your keys under a new passphrase, at once; the timers stay as they are."""
    return {"items": keys.rewrap_keys(current_user_id(), data)}


@blueprint.get("/timer-keys/<row_id:key_id>")
@blueprint.auth_required(auth)
@blueprint.output(TimerKeyOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_timer_key(key_id: str) -> Response:
    """Show a wrapped key; the ETag is its revision."""
    return row_response(keys.get_key(current_user_id(), key_id), TimerKeyOutput)
