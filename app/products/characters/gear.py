"""What a character wears, and what comes of it: pure functions of everything that counts.

docs/products/characters.md is the source of the rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.products.characters.content import SLOTS, Archetype, Item, Race, Requirements, Slot
from app.products.characters.rules import (
    Ability,
    Calling,
    Figure,
    Kin,
    derive,
    level_of,
    raise_by,
)

HANDS: dict[Slot, Slot] = {"main-hand": "off-hand", "off-hand": "main-hand"}


@dataclass(frozen=True)
class Build:
    """A character with all that bears on its statistics.

    Attributes:
        scores: base abilities.
        experience: points of it.
        race_id, archetype_id: ids of content.
        race, archetype: that content; None when it is gone for good.
        carried: how many of each item, by item id.
        worn: item ids by slot.
        items: the content of what is carried and worn, but for what is gone for good.
    """

    scores: Mapping[Ability, int]
    experience: int
    race_id: str
    archetype_id: str
    race: Race | None = None
    archetype: Archetype | None = None
    carried: Mapping[str, int] = field(default_factory=dict)
    worn: Mapping[Slot, str] = field(default_factory=dict)
    items: Mapping[str, Item] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """The level of its experience."""
        return level_of(self.experience)

    @property
    def born(self) -> dict[Ability, int]:
        """The abilities with the bonus of the race."""
        return raise_by(self.scores, self.race.abilities if self.race else {})


@dataclass(frozen=True)
class Fault:
    """Why an item in a slot does nothing: the word of a problem, and members of its body."""

    type: str
    detail: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """The statistics of a character; `faults` are of worn items that do nothing."""

    level: int
    abilities: dict[Ability, int]
    figures: dict[Figure, int]
    load_grams: int
    overloaded: bool
    faults: dict[Slot, Fault]


def sheet_of(build: Build) -> Sheet:
    """The statistics of a character.

    A worn item gives its bonuses while it fits its slot, its requirements are met, it is carried
    and the hand is free. Who carries more than the capacity moves at half the speed.
    """
    faults = {slot: find_fault(build, slot) for slot in SLOTS if slot in build.worn}
    active = [build.items[build.worn[slot]].bonuses for slot, fault in faults.items() if not fault]
    abilities = raise_by(build.born, *(bonuses.abilities for bonuses in active))
    added: dict[Figure, int] = {}
    for bonuses in active:
        for name, value in bonuses.figures.items():
            added[name] = added.get(name, 0) + value
    kin = build.race.kin() if build.race else Kin({})
    calling = build.archetype.calling() if build.archetype else Calling()
    figures = derive(abilities, build.level, kin, calling, added)
    load = load_of(build)
    overloaded = load > figures["carrying_capacity_grams"]
    if overloaded:
        figures["speed"] //= 2
    return Sheet(
        level=build.level,
        abilities=abilities,
        figures=figures,
        load_grams=load,
        overloaded=overloaded,
        faults={slot: fault for slot, fault in faults.items() if fault},
    )


def load_of(build: Build) -> int:
    """The weight of all that is carried, worn or not, in grams; what is gone for good has none."""
    return sum(
        quantity * build.items[item_id].weight_grams
        for item_id, quantity in build.carried.items()
        if item_id in build.items
    )


def find_fault(build: Build, slot: Slot, order: Sequence[Slot] = SLOTS) -> Fault | None:
    """Why the item worn in a slot does nothing; None when it does what it should.

    Args:
        build: the character.
        slot: one in which something is worn.
        order: who goes first where two slots cannot both have what they hold.
    """
    item_id = build.worn[slot]
    item = build.items.get(item_id)
    if item is None:
        return Fault("unknown-item", "This item is no more.")
    if slot not in item.fits:
        return Fault("wrong-slot", "The item is not made for this slot.", {"fits": list(item.fits)})
    unmet = _unmet(build, item.requirements)
    if unmet:
        detail = "The character does not meet what the item requires."
        return Fault("requirement-not-met", detail, {"unmet": unmet})
    earlier = [other for other in order[: order.index(slot)] if other in build.worn]
    other = HANDS.get(slot)
    if other in earlier and (item.two_handed or _is_two_handed(build, other)):
        detail = "A two-handed item needs both hands; empty the other one first."
        return Fault("slot-blocked", detail, {"blocked_by": other})
    wanted = 1 + sum(build.worn[other] == item_id for other in earlier)
    carried = build.carried.get(item_id, 0)
    if wanted > carried:
        detail = f"The character carries {carried} of this item and would wear {wanted}."
        return Fault("not-carried", detail, {"carried": carried})
    return None


def _is_two_handed(build: Build, slot: Slot) -> bool:
    item = build.items.get(build.worn[slot])
    return item is not None and item.two_handed


def _unmet(build: Build, wanted: Requirements) -> list[dict[str, Any]]:
    unmet: list[dict[str, Any]] = []
    if build.level < wanted.level:
        unmet.append({"requirement": "level", "needed": wanted.level, "present": build.level})
    for name, needed, present in (
        ("archetype", wanted.archetypes, build.archetype_id),
        ("race", wanted.races, build.race_id),
    ):
        if needed and present not in needed:
            unmet.append({"requirement": name, "needed": needed, "present": present})
    born = build.born
    for ability, least in wanted.abilities.items():
        if born[ability] < least:
            unmet.append({"requirement": ability, "needed": least, "present": born[ability]})
    return unmet
