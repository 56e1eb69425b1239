"""Example characters for a demo account."""

from app.accounts.models import User
from app.products.characters import belongings, service
from app.products.characters.schemas import (
    AbilityScores,
    CarriedInput,
    CharacterInput,
    WornInput,
)

BRANKA = CharacterInput(
    id="branka",
    name="Branka Tollhammer",
    race_id="oskaldi",
    archetype_id="wallwarden",
    experience=640,
    abilities=AbilityScores(power=8, swiftness=5, stamina=7, reason=4, instinct=6, charm=5),
    notes="Carries her family's stone; has not yet told anybody what is carved on its back.",
)
ISELE = CharacterInput(
    id="isele",
    name="Isele of the Low Reeds",
    race_id="fennari",
    archetype_id="trailreader",
    experience=120,
    abilities=AbilityScores(power=5, swiftness=7, stamina=5, reason=5, instinct=8, charm=4),
)
CARRIED = {
    "branka": {"quarry-hammer": 1, "plank-buckler": 1, "scale-hauberk": 1, "waybread": 4},
    "isele": {"river-bow": 1, "heron-mask": 1, "moss-shoes": 1, "waybread": 3, "hemp-rope": 1},
}
WORN = {
    "branka": {"main-hand": "quarry-hammer", "off-hand": "plank-buckler", "body": "scale-hauberk"},
    "isele": {"main-hand": "river-bow", "head": "heron-mask", "feet": "moss-shoes"},
}


def seed(user: User) -> None:
    """Give a user two characters with equipment; the content must be there."""
    user_id = user.id
    for character in (BRANKA, ISELE):
        service.create_character(user_id, character)
    for character_id, items in CARRIED.items():
        for item_id, quantity in items.items():
            belongings.put_carried(user_id, character_id, item_id, CarriedInput(quantity=quantity))
    for character_id, slots in WORN.items():
        for slot, item_id in slots.items():
            belongings.put_worn(user_id, character_id, slot, WornInput(item_id=item_id))
