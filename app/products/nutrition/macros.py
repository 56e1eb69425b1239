"""Nutrients of ingredients added up: pure functions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.products.nutrition.content import Ingredient, Meal


@dataclass(frozen=True)
class Nutrients:
    """Energy in kcal and macronutrients in grams."""

    energy_kcal: float = 0.0
    protein_g: float = 0.0
    carbohydrate_g: float = 0.0
    fat_g: float = 0.0
    fiber_g: float = 0.0

    def __add__(self, other: "Nutrients") -> "Nutrients":
        return Nutrients(
            self.energy_kcal + other.energy_kcal,
            self.protein_g + other.protein_g,
            self.carbohydrate_g + other.carbohydrate_g,
            self.fat_g + other.fat_g,
            self.fiber_g + other.fiber_g,
        )

    def times(self, factor: float) -> "Nutrients":
        """So many times as much."""
        return Nutrients(
            self.energy_kcal * factor,
            self.protein_g * factor,
            self.carbohydrate_g * factor,
            self.fat_g * factor,
            self.fiber_g * factor,
        )


def grams_of(meal: Meal, changes: Mapping[str, int] | None = None) -> dict[str, int]:
    """Grams of a serving by ingredient.

    Args:
        meal: the meal.
        changes: grams instead of the meal's, 0 for none; also of ingredients it has not.
    """
    grams = {item.ingredient: item.grams for item in meal.ingredients} | dict(changes or {})
    return {name: amount for name, amount in grams.items() if amount}


def nutrients_of(grams: Mapping[str, float], known: Mapping[str, Ingredient]) -> Nutrients:
    """What some grams of ingredients have; those that are not known add nothing."""
    return total(_in_100(known[name]).times(g / 100) for name, g in grams.items() if name in known)


def total(parts: Iterable[Nutrients]) -> Nutrients:
    """All parts together."""
    return sum(parts, Nutrients())


def _in_100(ingredient: Ingredient) -> Nutrients:
    return Nutrients(
        ingredient.energy_kcal,
        ingredient.protein_g,
        ingredient.carbohydrate_g,
        ingredient.fat_g,
        ingredient.fiber_g,
    )
