"""Races, archetypes and items: what characters are made of."""

from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.content.collections import ContentCollection, ContentData, Localized, LongText
from app.content.schemas import Slug
from app.products.characters.rules import Ability, Calling, Figure, Kin

RACES, ARCHETYPES, ITEMS = "races", "archetypes", "items"

Rarity = Literal["common", "uncommon", "rare", "epic", "legendary"]
Slot = Literal[
    "head",
    "neck",
    "body",
    "hands",
    "feet",
    "main-hand",
    "off-hand",
    "left-ring",
    "right-ring",
]
SLOTS: tuple[Slot, ...] = get_args(Slot)
# What an item is made for; "none" is only carried.
Place = Literal[
    "head",
    "neck",
    "body",
    "hands",
    "feet",
    "main-hand",
    "off-hand",
    "either-hand",
    "ring",
    "none",
]
_SEVERAL: dict[Place, tuple[Slot, ...]] = {
    "either-hand": ("main-hand", "off-hand"),
    "ring": ("left-ring", "right-ring"),
}

AbilityBonus = Annotated[int, Field(ge=-5, le=5)]


class Race(ContentData):
    """A people of the world."""

    description: Localized[LongText]
    abilities: dict[Ability, AbilityBonus] = Field(default_factory=dict)
    speed: int = Field(ge=1, le=20, description="Metres a round.")
    carrying_capacity_grams: int = Field(0, ge=-10_000, le=20_000)

    def kin(self) -> Kin:
        """What the rules need of it."""
        return Kin(self.abilities, self.speed, self.carrying_capacity_grams)


class Archetype(ContentData):
    """What a character is good at."""

    description: Localized[LongText]
    primary: Ability = Field(description="The ability that attacks are made with.")
    hit_points: int = Field(ge=1, le=50)
    hit_points_per_level: int = Field(ge=0, le=20)
    focus_per_level: int = Field(0, ge=0, le=20)

    def calling(self) -> Calling:
        """What the rules need of it."""
        return Calling(
            self.primary, self.hit_points, self.hit_points_per_level, self.focus_per_level
        )


class Requirements(BaseModel):
    """Who may wear an item; an empty list is everybody."""

    model_config = ConfigDict(extra="forbid")

    level: int = Field(1, ge=1, le=20)
    archetypes: list[Slug] = Field(default_factory=list, max_length=20)
    races: list[Slug] = Field(default_factory=list, max_length=20)
    abilities: dict[Ability, Annotated[int, Field(ge=1, le=15)]] = Field(
        default_factory=dict, description="With the bonus of the race, without equipment."
    )


class Bonuses(BaseModel):
    """What an item gives while it is worn."""

    model_config = ConfigDict(extra="forbid")

    abilities: dict[Ability, AbilityBonus] = Field(default_factory=dict)
    figures: dict[Figure, Annotated[int, Field(ge=-50_000, le=50_000)]] = Field(
        default_factory=dict
    )


class Item(ContentData):
    """A thing to carry, and perhaps to wear."""

    description: Localized[LongText]
    rarity: Rarity
    slot: Place
    two_handed: bool = False
    weight_grams: int = Field(ge=0, le=100_000)
    price: int = Field(ge=0, le=1_000_000, description="In coins.")
    bonuses: Bonuses = Field(default_factory=Bonuses)
    requirements: Requirements = Field(default_factory=Requirements)

    @model_validator(mode="after")
    def hold_in_the_main_hand(self) -> Self:
        """What takes both hands is held in the main one."""
        if self.two_handed and self.slot != "main-hand":
            raise ValueError("two_handed goes with the slot `main-hand`")
        return self

    @property
    def fits(self) -> tuple[Slot, ...]:
        """The slots that it may be worn in."""
        return _SEVERAL.get(self.slot, tuple(slot for slot in SLOTS if slot == self.slot))


collections = [
    ContentCollection(name=RACES, schema=Race, locales=("en", "de")),
    ContentCollection(name=ARCHETYPES, schema=Archetype, locales=("en", "de")),
    ContentCollection(name=ITEMS, schema=Item, locales=("en", "de")),
]
