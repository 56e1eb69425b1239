"""What syncs: characters, what they carry and what they wear.

The rules of equipment are not asked here: what a push makes of them is judged when it is read, and
an item that breaks one gives nothing (`inactive` of the statistics). How many kinds of items a
character may carry holds here too.
"""

from collections.abc import Sequence
from uuid import UUID

from app.content.schemas import Slug
from app.products.characters.belongings import require_room
from app.products.characters.content import Slot
from app.products.characters.models import CarriedItem, Character, WornItem
from app.products.characters.schemas import CarriedInput, CharacterFields, WornInput
from app.products.characters.service import drop_belongings, forget_foreign_portraits
from app.schemas import RowId
from app.sync.collection import Change, Collection, Parent


class CarriedFields(CarriedInput):
    """How many of an item a character carries; REST has both in the path."""

    character_id: RowId
    item_id: Slug


class WornFields(WornInput):
    """What a slot of a character holds; REST has both in the path."""

    character_id: RowId
    slot: Slot


def _carried_id(carried: CarriedFields) -> str:
    return f"{carried.character_id}:{carried.item_id}"


def _worn_id(worn: WornFields) -> str:
    return f"{worn.character_id}:{worn.slot}"


def _settle_characters(user_id: UUID, changes: Sequence[Change]) -> None:
    deleted = [change.id for change in changes if change.after is None]
    if deleted:
        drop_belongings(user_id, deleted)
    shown = [change.id for change in changes if change.after and change.after["portrait_id"]]
    if shown:
        forget_foreign_portraits(user_id, shown)


def _settle_carried(user_id: UUID, changes: Sequence[Change]) -> None:
    carrying = {change.after["character_id"] for change in changes if change.after is not None}
    if carrying:
        require_room(user_id, carrying)


collections = [
    Collection("characters", Character, CharacterFields, settle=_settle_characters),
    Collection(
        "character_items",
        CarriedItem,
        CarriedFields,
        parent=Parent("character_id", Character),
        expected_id=_carried_id,
        settle=_settle_carried,
    ),
    Collection(
        "character_equipment",
        WornItem,
        WornFields,
        parent=Parent("character_id", Character),
        expected_id=_worn_id,
    ),
]
