"""Meals as the public sees them: with the nutrients of their ingredients."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.content import reading
from app.content.models import Document
from app.content.schemas import ContentPageQuery
from app.errors import NotFound
from app.extensions import db
from app.pages import page_of
from app.products.nutrition import catalog
from app.products.nutrition.catalog import Texts
from app.products.nutrition.content import Ingredient, Meal
from app.products.nutrition.macros import grams_of, nutrients_of
from app.products.nutrition.schemas import (
    MealIngredientOutput,
    MealOutput,
    MealPageOutput,
    NutrientsOutput,
)


def list_meals(query: ContentPageQuery, texts: Texts) -> MealPageOutput:
    """One page of the published meals, by id.

    Raises:
        Unprocessable: the query has no word or is of another list.
    """
    statement = reading.page_statement("meals", query)
    catalog.refresh()
    page: dict[str, Any] = page_of(
        db.session.scalars(statement).all(), query.limit, lambda row: (row.id,)
    )
    return MealPageOutput(items=_show(page["items"], texts), next=page["next"])


def get_meal(meal_id: str, texts: Texts) -> MealOutput:
    """A published meal.

    Raises:
        NotFound: there is no such meal now.
    """
    catalog.refresh()
    row = db.session.scalar(reading.published("meals").where(Document.id == meal_id))
    shown = _show([row], texts) if row else []
    if not shown:
        raise NotFound("There is no such meal.")
    return shown[0]


def _show(rows: Sequence[Document], texts: Texts) -> list[MealOutput]:
    parsed = [(row, catalog.parse_meal(row)) for row in rows]
    meals = [(row, meal) for row, meal in parsed if meal is not None]
    known = catalog.find_ingredients(name for _, meal in meals for name in grams_of(meal))
    return [_output(row, meal, known, texts) for row, meal in meals]


def _output(row: Document, meal: Meal, known: Mapping[str, Ingredient], texts: Texts) -> MealOutput:
    grams = grams_of(meal)
    used = [known[name] for name in grams if name in known]
    return MealOutput(
        id=row.id,
        version=row.version,
        locale=next(locale for locale in texts.chain if locale in meal.title.root),
        tags=row.tags,
        title=texts.of(meal.title),
        instructions=texts.of(meal.instructions),
        minutes=meal.minutes,
        ingredients=[
            MealIngredientOutput(
                ingredient=name,
                title=texts.of(known[name].title) if name in known else None,
                grams=amount,
            )
            for name, amount in grams.items()
        ],
        allergens=sorted({name for ingredient in used for name in ingredient.allergens}),
        serving=NutrientsOutput.model_validate(nutrients_of(grams, known)),
        missing=sorted(grams.keys() - known.keys()),
    )
