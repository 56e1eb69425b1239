"""The rules of abilities, levels and derived statistics: this product's own, as its docs have them.

Pure functions; docs/products/characters.md is the source of every number here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Literal, get_args

Ability = Literal["power", "swiftness", "stamina", "reason", "instinct", "charm"]
ABILITIES: tuple[Ability, ...] = get_args(Ability)
Figure = Literal[
    "hit_points", "defence", "initiative", "attack", "focus", "speed", "carrying_capacity_grams"
]
FIGURES: tuple[Figure, ...] = get_args(Figure)

# What a score costs in points; nobody is below the first, nobody buys above the last.
COSTS = {3: 0, 4: 1, 5: 2, 6: 4, 7: 6, 8: 9, 9: 12, 10: 16}
LOWEST_SCORE, HIGHEST_SCORE = min(COSTS), max(COSTS)
FIRST_BUDGET = 24
MAX_LEVEL = 20
EXPERIENCE_STEP = 50


@dataclass(frozen=True)
class Kin:
    """What a race gives; the defaults are those of nobody in particular."""

    abilities: Mapping[Ability, int]
    speed: int = 8
    carrying_capacity_grams: int = 0


@dataclass(frozen=True)
class Calling:
    """What an archetype gives; the defaults are those of nobody in particular."""

    primary: Ability = "power"
    hit_points: int = 10
    hit_points_per_level: int = 2
    focus_per_level: int = 0


def level_of(experience: int) -> int:
    """The level of so much experience, 1 to 20: the highest L with 50·L·(L-1) <= experience.

    Source: docs/products/characters.md, "Levels"; solved by the quadratic formula, in integers.
    """
    steps = experience // EXPERIENCE_STEP
    return min((1 + isqrt(1 + 4 * steps)) // 2, MAX_LEVEL)


def experience_for(level: int) -> int:
    """The experience at which a level begins: 50·L·(L-1).

    Source: docs/products/characters.md, "Levels".
    """
    return EXPERIENCE_STEP * level * (level - 1)


def points_of(scores: Mapping[Ability, int]) -> int:
    """The points that base scores cost; each must be 3 to 10.

    Source: docs/products/characters.md, "Abilities".
    """
    return sum(COSTS[score] for score in scores.values())


def budget_of(level: int) -> int:
    """The points that a level has: 24, and one more for each level above the first.

    Source: docs/products/characters.md, "Abilities".
    """
    return FIRST_BUDGET + level - 1


def raise_by(scores: Mapping[Ability, int], *bonuses: Mapping[Ability, int]) -> dict[Ability, int]:
    """Scores with bonuses and penalties; none falls below 1."""
    return {
        name: max(1, scores[name] + sum(bonus.get(name, 0) for bonus in bonuses))
        for name in ABILITIES
    }


def derive(
    scores: Mapping[Ability, int],
    level: int,
    kin: Kin,
    calling: Calling,
    bonuses: Mapping[Figure, int],
) -> dict[Figure, int]:
    """The derived statistics, none below 0 and no less than one hit point.

    - hit points: those of the archetype + level · (those per level + stamina / 2, rounded down)
    - defence: 2 · swiftness + stamina / 2, rounded down
    - initiative: swiftness + instinct
    - attack: the archetype's primary ability + level / 2, rounded down
    - focus: 2 · reason + charm + level · that of the archetype
    - speed: that of the race, in metres a round
    - carrying capacity: 10 kg + 4 kg · power + that of the race

    Source: docs/products/characters.md, "Derived statistics".

    Args:
        scores: the abilities, with the bonuses of race and equipment.
        level: 1 to 20.
        kin: of the race.
        calling: of the archetype.
        bonuses: what the equipment adds to each figure.
    """
    plain: dict[Figure, int] = {
        "hit_points": calling.hit_points
        + level * (calling.hit_points_per_level + scores["stamina"] // 2),
        "defence": 2 * scores["swiftness"] + scores["stamina"] // 2,
        "initiative": scores["swiftness"] + scores["instinct"],
        "attack": scores[calling.primary] + level // 2,
        "focus": 2 * scores["reason"] + scores["charm"] + level * calling.focus_per_level,
        "speed": kin.speed,
        "carrying_capacity_grams": 10_000 + 4_000 * scores["power"] + kin.carrying_capacity_grams,
    }
    lowest = {"hit_points": 1}
    return {
        name: max(lowest.get(name, 0), value + bonuses.get(name, 0))
        for name, value in plain.items()
    }
