"""What characters carry and wear, and the statistics that come of it."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.database import owned
from app.database.feed import lock_feed
from app.errors import NotFound, Problem
from app.extensions import db
from app.pages import PageQuery, decode_cursor, page_of
from app.products.characters import catalog
from app.products.characters.catalog import Catalog
from app.products.characters.content import (
    ARCHETYPES,
    ITEMS,
    RACES,
    SLOTS,
    Archetype,
    Item,
    Race,
    Slot,
)
from app.products.characters.gear import Build, Fault, find_fault, load_of, sheet_of
from app.products.characters.models import CarriedItem, Character, WornItem
from app.products.characters.rules import (
    MAX_LEVEL,
    budget_of,
    experience_for,
    points_of,
)
from app.products.characters.schemas import (
    CarriedInput,
    CarriedOutput,
    CharacterStatisticsOutput,
    InactiveOutput,
    RetiredOutput,
    WornInput,
    WornOutput,
)
from app.products.characters.service import get_character

MAX_KINDS = 200


class CannotWear(Problem):
    """The rules of equipment forbid it; the word of the problem says which."""

    status = 409

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail, **fault.extra)
        self.type = fault.type


class TooHeavy(Problem):
    """The character cannot carry so much; `load_grams` and `limit_grams` are in the body."""

    status, type = 409, "too-heavy"

    def __init__(self, load: int, limit: int) -> None:
        detail = f"That makes {load} g of the {limit} g that the character can carry."
        super().__init__(detail, load_grams=load, limit_grams=limit)


class ItemWorn(Problem):
    """So many of the item are worn that fewer cannot be carried; `slots` in the body has them."""

    status, type = 409, "item-worn"


class InventoryFull(Problem):
    """The character carries as many kinds of items as it may; `limit` in the body."""

    status, type = 409, "inventory-full"


def list_carried(user_id: UUID, character_id: str, query: PageQuery) -> dict[str, Any]:
    """One page of what a character carries, by the item's id.

    Raises:
        NotFound: the user has no such character.
    """
    get_character(user_id, character_id)
    statement = owned.present(CarriedItem, user_id).where(CarriedItem.character_id == character_id)
    if query.after:
        statement = statement.where(CarriedItem.item_id > decode_cursor(query.after, str)[0])
    rows = db.session.scalars(statement.order_by(CarriedItem.item_id).limit(query.limit + 1)).all()
    return page_of(rows, query.limit, lambda row: (row.item_id,))


def get_carried(user_id: UUID, character_id: str, item_id: str) -> CarriedItem:
    """Find how many of an item a character carries.

    Raises:
        NotFound: the user has no such character, or it carries none.
    """
    get_character(user_id, character_id)
    missing = "The character carries none of this item."
    return owned.find(CarriedItem, user_id, f"{character_id}:{item_id}", missing)


def put_carried(
    user_id: UUID, character_id: str, item_id: str, data: CarriedInput
) -> tuple[CarriedItem, bool]:
    """Say how many of an item a character carries.

    Returns:
        the carried item, and whether there was none before.

    Raises:
        NotFound: the user has no such character, or there is no such item.
        PreconditionFailed: it is not the revision that If-Match names.
        TooHeavy: more than before, and more than the character can carry.
        ItemWorn: fewer than are worn.
        InventoryFull: no more kinds of items can be carried.
    """
    catalog.prepare()
    lock_feed(user_id)
    character = get_character(user_id, character_id)
    row_id = f"{character_id}:{item_id}"
    carried = owned.find_to_replace(CarriedItem, user_id, row_id, CarriedOutput)
    had = carried.quantity if carried else 0
    if carried is not None and had == data.quantity:
        return carried, False
    build, known = _build(character, item_id)
    if carried is None:
        if (ITEMS, item_id) not in known.offered:
            raise NotFound("There is no such item.")
        require_room(user_id, [character_id], more=1)
    if data.quantity > had:
        _require_strength(replace(build, carried={**build.carried, item_id: data.quantity}))
    else:
        _require_unworn(build, item_id, data.quantity)
    if carried is None:
        fields = {"character_id": character_id, "item_id": item_id, "quantity": data.quantity}
        return owned.store_new(CarriedItem, user_id, row_id, fields), True
    carried.quantity = data.quantity
    db.session.commit()
    return carried, False


def require_room(user_id: UUID, character_ids: Collection[str], more: int = 0) -> None:
    """Check that characters carry not too many kinds of items; the caller has the feed's lock.

    Args:
        user_id: whose they are.
        character_ids: the characters.
        more: kinds that each is about to carry besides.

    Raises:
        InventoryFull: one would.
    """
    character_id = owned.find_crowded(
        CarriedItem, user_id, CarriedItem.character_id, character_ids, MAX_KINDS - more
    )
    if character_id is not None:
        raise InventoryFull(
            f"A character carries at most {MAX_KINDS} kinds of items; {character_id} does.",
            limit=MAX_KINDS,
        )


def delete_carried(user_id: UUID, character_id: str, item_id: str) -> None:
    """Let a character drop all of an item.

    Raises:
        NotFound: the user has no such character, or it carries none.
        PreconditionFailed: it is not the revision that If-Match names.
        ItemWorn: it is worn.
    """
    carried = owned.find_to_change(get_carried, CarriedOutput, user_id, character_id, item_id)
    _require_unworn(_build(get_character(user_id, character_id))[0], item_id, 0)
    carried.deleted_at = datetime.now(UTC)
    db.session.commit()


def list_worn(user_id: UUID, character_id: str) -> dict[str, Any]:
    """What a character wears, from head to finger.

    Raises:
        NotFound: the user has no such character.
    """
    get_character(user_id, character_id)
    rows = _rows(WornItem, user_id, character_id)
    return {"items": sorted(rows, key=lambda row: SLOTS.index(row.slot))}


def get_worn(user_id: UUID, character_id: str, slot: str) -> WornItem:
    """Find what a slot holds.

    Raises:
        NotFound: the user has no such character, there is no such slot, or it is empty.
    """
    get_character(user_id, character_id)
    missing = "The slot is empty, or there is none of this name."
    return owned.find(WornItem, user_id, f"{character_id}:{slot}", missing)


def put_worn(user_id: UUID, character_id: str, slot: str, data: WornInput) -> tuple[WornItem, bool]:
    """Put a carried item into a slot, over what it held.

    Returns:
        the worn item, and whether the slot was empty.

    Raises:
        NotFound: the user has no such character, or there is no such slot.
        PreconditionFailed: it is not the revision that If-Match names.
        CannotWear: the item does not fit there now.
        TooHeavy: the character would not be able to carry what it carries.
    """
    place = _slot(slot)
    catalog.prepare()
    lock_feed(user_id)
    character = get_character(user_id, character_id)
    row_id = f"{character_id}:{place}"
    worn = owned.find_to_replace(WornItem, user_id, row_id, WornOutput)
    if worn is not None and worn.item_id == data.item_id:
        return worn, False
    present, _ = _build(character, data.item_id)
    if data.item_id not in present.carried:
        raise CannotWear(Fault("not-carried", "The character does not carry this item."))
    build = replace(present, worn={**present.worn, place: data.item_id})
    # Last in the order: what was there before stays.
    order = [*(other for other in SLOTS if other != place), place]
    fault = find_fault(build, place, order)
    if fault:
        raise CannotWear(fault)
    _require_strength(build)
    if worn is None:
        fields = {"character_id": character_id, "slot": place, "item_id": data.item_id}
        return owned.store_new(WornItem, user_id, row_id, fields), True
    worn.item_id = data.item_id
    db.session.commit()
    return worn, False


def delete_worn(user_id: UUID, character_id: str, slot: str) -> None:
    """Empty a slot; the item stays with what is carried.

    Raises:
        NotFound: the user has no such character, there is no such slot, or it is empty.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    worn = owned.find_to_change(get_worn, WornOutput, user_id, character_id, slot)
    worn.deleted_at = datetime.now(UTC)
    db.session.commit()


def statistics(user_id: UUID, character_id: str) -> CharacterStatisticsOutput:
    """All that the rules derive from a character, its content as it is now.

    Raises:
        NotFound: the user has no such character.
    """
    catalog.prepare()
    build, known = _build(get_character(user_id, character_id))
    sheet = sheet_of(build)
    top = sheet.level == MAX_LEVEL
    references = _references(build)
    return CharacterStatisticsOutput(
        level=sheet.level,
        next_level_experience=None if top else experience_for(sheet.level + 1),
        ability_points=budget_of(sheet.level),
        ability_points_spent=points_of(build.scores),
        abilities=sheet.abilities,
        **sheet.figures,
        load_grams=sheet.load_grams,
        overloaded=sheet.overloaded,
        inactive=[
            InactiveOutput(
                slot=slot,
                item_id=build.worn[slot],
                reason=fault.type,
                detail=fault.detail,
            )
            for slot, fault in sheet.faults.items()
        ],
        retired=[
            RetiredOutput(collection=collection, id=document_id)
            for collection, document_id in sorted(references - known.offered)
        ],
    )


def _slot(name: str) -> Slot:
    for slot in SLOTS:
        if slot == name:
            return slot
    raise NotFound("There is no such slot.")


def _rows(model: type[Any], user_id: UUID, character_id: str) -> list[Any]:
    statement = owned.present(model, user_id).where(model.character_id == character_id)
    return list(db.session.scalars(statement))


def _build(character: Character, *more: str) -> tuple[Build, Catalog]:
    """A character with what it carries and wears; `more` are further items to look up."""
    key = (character.user_id, character.id)
    build = Build(
        scores=character.abilities,
        experience=character.experience,
        race_id=character.race_id,
        archetype_id=character.archetype_id,
        carried={row.item_id: row.quantity for row in _rows(CarriedItem, *key)},
        worn={row.slot: row.item_id for row in _rows(WornItem, *key)},
    )
    known = catalog.look_up(_references(build) | {(ITEMS, item_id) for item_id in more})
    whole = replace(
        build,
        race=known.get(RACES, build.race_id, Race),
        archetype=known.get(ARCHETYPES, build.archetype_id, Archetype),
        items={
            document_id: item
            for (_, document_id), item in known.found.items()
            if isinstance(item, Item)
        },
    )
    return whole, known


def _references(build: Build) -> set[tuple[str, str]]:
    items = {*build.carried, *build.worn.values()}
    return {(RACES, build.race_id), (ARCHETYPES, build.archetype_id)} | {
        (ITEMS, item_id) for item_id in items
    }


def _require_strength(build: Build) -> None:
    sheet = sheet_of(build)
    if sheet.overloaded:
        raise TooHeavy(load_of(build), sheet.figures["carrying_capacity_grams"])


def _require_unworn(build: Build, item_id: str, quantity: int) -> None:
    slots = [slot for slot in SLOTS if build.worn.get(slot) == item_id]
    if len(slots) > quantity:
        raise ItemWorn("The character wears it; empty the slot first.", slots=slots)
