"""What the character endpoints take and give."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    with_config,
)
from typing_extensions import TypedDict

from app.content.schemas import Slug
from app.pages import PageQuery
from app.products.characters.content import Slot
from app.products.characters.rules import (
    ABILITIES,
    HIGHEST_SCORE,
    LOWEST_SCORE,
    budget_of,
    level_of,
    points_of,
)
from app.schemas import Body, Output, Patch, RowId

MAX_EXPERIENCE = 1_000_000
MAX_QUANTITY = 9_999

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(max_length=2000)]
Score = Annotated[int, Field(ge=LOWEST_SCORE, le=HIGHEST_SCORE)]
Experience = Annotated[int, Field(ge=0, le=MAX_EXPERIENCE)]


@with_config(ConfigDict(extra="forbid", strict=True))
class AbilityScores(TypedDict):
    """The base abilities, bought by points; a plain dict, as the database has it."""

    power: Score
    swiftness: Score
    stamina: Score
    reason: Score
    instinct: Score
    charm: Score


class CharacterFields(Body):
    """A whole character."""

    name: Name
    race_id: Slug
    archetype_id: Slug
    experience: Experience = 0
    abilities: AbilityScores
    notes: LongText = ""
    portrait_id: RowId | None = Field(None, description="A stored file of yours, for portraits.")

    @field_validator("abilities")
    @classmethod
    def stay_within_budget(cls, scores: AbilityScores, info: ValidationInfo) -> AbilityScores:
        """The scores cost no more points than the level has."""
        # A fault of the experience is told by itself.
        if "experience" in info.data:
            level = level_of(info.data["experience"])
            cost = points_of({name: scores[name] for name in ABILITIES})
            if cost > budget_of(level):
                raise ValueError(
                    f"cost {cost} points; a character of level {level} has {budget_of(level)}"
                )
        return scores


class CharacterInput(CharacterFields):
    id: RowId | None = Field(None, description="Made here when missing.")


class CharacterPatch(Patch):
    """The fields to change; null takes the portrait away."""

    can_be_empty = frozenset({"portrait_id"})

    name: Name | None = None
    race_id: Slug | None = None
    archetype_id: Slug | None = None
    experience: Experience | None = None
    abilities: AbilityScores | None = None
    notes: LongText | None = None
    portrait_id: RowId | None = None


class AbilitiesOutput(Output):
    power: int
    swiftness: int
    stamina: int
    reason: int
    instinct: int
    charm: int


class CharacterOutput(Output):
    id: str
    name: str
    race_id: str
    archetype_id: str
    experience: int
    level: int
    abilities: AbilitiesOutput = Field(description="Without the bonuses of race and equipment.")
    notes: str
    portrait_id: str | None
    rev: int
    created_at: datetime
    updated_at: datetime


class CharactersQuery(PageQuery):
    race_id: Slug | None = Field(None, description="Only of this race.")
    archetype_id: Slug | None = Field(None, description="Only of this archetype.")


class CharactersOutput(Output):
    items: list[CharacterOutput]
    next: str | None


class CarriedInput(Body):
    quantity: int = Field(1, ge=1, le=MAX_QUANTITY)


class CarriedOutput(Output):
    id: str
    character_id: str
    item_id: str
    quantity: int
    rev: int
    created_at: datetime
    updated_at: datetime


class CarriedPageOutput(Output):
    items: list[CarriedOutput]
    next: str | None


class WornInput(Body):
    item_id: Slug


class WornOutput(Output):
    id: str
    character_id: str
    slot: Slot
    item_id: str
    rev: int
    created_at: datetime
    updated_at: datetime


class EquipmentOutput(Output):
    items: list[WornOutput]


class InactiveOutput(Output):
    """A worn item that gives nothing now."""

    slot: Slot
    item_id: str
    reason: Literal[
        "unknown-item", "wrong-slot", "requirement-not-met", "slot-blocked", "not-carried"
    ]
    detail: str


class RetiredOutput(Output):
    """Content that is not offered any more; it counts as it last was."""

    collection: Literal["races", "archetypes", "items"]
    id: str


class CharacterStatisticsOutput(Output):
    level: int
    next_level_experience: int | None = Field(description="Null at the highest level.")
    ability_points: int = Field(description="Points that the level has.")
    ability_points_spent: int
    abilities: AbilitiesOutput = Field(description="With the bonuses of race and equipment.")
    hit_points: int
    defence: int
    initiative: int
    attack: int
    focus: int
    speed: int = Field(description="Metres a round; half when overloaded.")
    carrying_capacity_grams: int
    load_grams: int
    overloaded: bool
    inactive: list[InactiveOutput]
    retired: list[RetiredOutput]
