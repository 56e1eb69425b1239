"""Endpoints of characters."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from app.accounts.authentication import auth, current_user_id
from app.etags import row_response
from app.pages import PageQuery
from app.products.characters import belongings, service
from app.products.characters.schemas import (
    CarriedInput,
    CarriedOutput,
    CarriedPageOutput,
    CharacterInput,
    CharacterOutput,
    CharacterPatch,
    CharactersOutput,
    CharactersQuery,
    CharacterStatisticsOutput,
    EquipmentOutput,
    WornInput,
    WornOutput,
)

blueprint = APIBlueprint("characters", __name__, url_prefix="/v1", tag="Characters")


@blueprint.get("/characters")
@blueprint.auth_required(auth)
@blueprint.input(CharactersQuery, location="query", arg_name="query")
@blueprint.output(CharactersOutput)
def list_characters(query: CharactersQuery) -> dict[str, Any]:
    """List your characters, by id."""
    return service.list_characters(current_user_id(), query)


@blueprint.post("/characters")
@blueprint.auth_required(auth)
@blueprint.input(CharacterInput, arg_name="data")
@blueprint.output(CharacterOutput, 201)
@blueprint.doc(
    responses={200: "A repeat: the character is there already.", 409: "The id is taken."}
)
def create_character(data: CharacterInput) -> Response:
    """Create a character; give the id yourself so that a repeat after a lost reply does no harm."""
    character, new = service.create_character(current_user_id(), data)
    return row_response(character, CharacterOutput, 201 if new else 200)


@blueprint.get("/characters/<row_id:character_id>")
@blueprint.auth_required(auth)
@blueprint.output(CharacterOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_character(character_id: str) -> Response:
    """Show a character; the ETag is its revision."""
    return row_response(service.get_character(current_user_id(), character_id), CharacterOutput)


@blueprint.patch("/characters/<row_id:character_id>")
@blueprint.auth_required(auth)
@blueprint.input(CharacterPatch, arg_name="data")
@blueprint.output(CharacterOutput)
@blueprint.doc(responses=[412])
def update_character(character_id: str, data: CharacterPatch) -> Response:
    """Change a character; with If-Match only if nobody else has."""
    character = service.update_character(current_user_id(), character_id, data)
    return row_response(character, CharacterOutput)


@blueprint.delete("/characters/<row_id:character_id>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_character(character_id: str) -> str:
    """Delete a character and all it carries."""
    service.delete_character(current_user_id(), character_id)
    return ""


@blueprint.get("/characters/<row_id:character_id>/statistics")
@blueprint.auth_required(auth)
@blueprint.output(CharacterStatisticsOutput)
def show_character_statistics(character_id: str) -> CharacterStatisticsOutput:
    """Show what the rules derive from a character and its equipment."""
    return belongings.statistics(current_user_id(), character_id)


@blueprint.get("/characters/<row_id:character_id>/items")
@blueprint.auth_required(auth)
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(CarriedPageOutput)
def list_carried_items(character_id: str, query: PageQuery) -> dict[str, Any]:
    """List what a character carries, by the item's id."""
    return belongings.list_carried(current_user_id(), character_id, query)


@blueprint.get("/characters/<row_id:character_id>/items/<slug:item_id>")
@blueprint.auth_required(auth)
@blueprint.output(CarriedOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_carried_item(character_id: str, item_id: str) -> Response:
    """Show how many of an item a character carries."""
    carried = belongings.get_carried(current_user_id(), character_id, item_id)
    return row_response(carried, CarriedOutput)


@blueprint.put("/characters/<row_id:character_id>/items/<slug:item_id>")
@blueprint.auth_required(auth)
@blueprint.input(CarriedInput, arg_name="data")
@blueprint.output(CarriedOutput)
@blueprint.doc(
    responses={
        201: "The character had none.",
        409: "`too-heavy`, `item-worn` or `inventory-full`.",
        412: "It is not the revision of If-Match.",
    }
)
def put_carried_item(character_id: str, item_id: str, data: CarriedInput) -> Response:
    """Say how many of an item a character carries."""
    carried, new = belongings.put_carried(current_user_id(), character_id, item_id, data)
    return row_response(carried, CarriedOutput, 201 if new else 200)


@blueprint.delete("/characters/<row_id:character_id>/items/<slug:item_id>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses={409: "`item-worn`.", 412: "It is not the revision of If-Match."})
def delete_carried_item(character_id: str, item_id: str) -> str:
    """Drop all of an item."""
    belongings.delete_carried(current_user_id(), character_id, item_id)
    return ""


@blueprint.get("/characters/<row_id:character_id>/equipment")
@blueprint.auth_required(auth)
@blueprint.output(EquipmentOutput)
def list_equipment(character_id: str) -> dict[str, Any]:
    """List what a character wears: at most one item for each of the nine slots."""
    return belongings.list_worn(current_user_id(), character_id)


@blueprint.get("/characters/<row_id:character_id>/equipment/<slug:slot>")
@blueprint.auth_required(auth)
@blueprint.output(WornOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_equipment(character_id: str, slot: str) -> Response:
    """Show what a slot holds."""
    return row_response(belongings.get_worn(current_user_id(), character_id, slot), WornOutput)


@blueprint.put("/characters/<row_id:character_id>/equipment/<slug:slot>")
@blueprint.auth_required(auth)
@blueprint.input(WornInput, arg_name="data")
@blueprint.output(WornOutput)
@blueprint.doc(
    responses={
        201: "The slot was empty.",
        409: "`not-carried`, `wrong-slot`, `requirement-not-met`, `slot-blocked`, `too-heavy` "
        "or `unknown-item`.",
        412: "It is not the revision of If-Match.",
    }
)
def put_equipment(character_id: str, slot: str, data: WornInput) -> Response:
    """Put a carried item into a slot, over what it holds."""
    worn, new = belongings.put_worn(current_user_id(), character_id, slot, data)
    return row_response(worn, WornOutput, 201 if new else 200)


@blueprint.delete("/characters/<row_id:character_id>/equipment/<slug:slot>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_equipment(character_id: str, slot: str) -> str:
    """Empty a slot; the item stays with what is carried."""
    belongings.delete_worn(current_user_id(), character_id, slot)
    return ""
