"""The rules of profiles and meal plans."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, tuple_

from app.accounts.models import User
from app.database import owned
from app.database.feed import lock_feed
from app.errors import NotFound, Problem, Unprocessable
from app.extensions import db
from app.pages import PageQuery, decode_cursor, page_of
from app.products.nutrition import catalog
from app.products.nutrition.models import PROFILE_ID, MealPlan, PlannedMeal, Profile
from app.products.nutrition.schemas import (
    LAST_DAY,
    PlanInput,
    PlannedMealInput,
    PlannedMealOutput,
    PlannedMealPatch,
    PlannedMealsQuery,
    PlanOutput,
    PlanPatch,
    ProfileFields,
    ProfileOutput,
)
from app.products.nutrition.targets import Body, Targets, daily_targets

# As many as 28 days of seven.
MAX_MEALS = 200


class PlanFull(Problem):
    """The plan has as many meals as it may; `limit` in the body."""

    status, type = 409, "plan-full"


def get_profile(user_id: UUID) -> Profile:
    """Find the user's profile.

    Raises:
        NotFound: there is none.
    """
    return owned.find(Profile, user_id, PROFILE_ID, "You have no nutrition profile.")


def put_profile(user_id: UUID, data: ProfileFields) -> tuple[Profile, bool]:
    """Write the profile, over what is there.

    Returns:
        the profile, and whether it is new.

    Raises:
        PreconditionFailed: it is not the revision that If-Match names.
    """
    lock_feed(user_id)
    fields = data.model_dump()
    profile = owned.find_to_replace(Profile, user_id, PROFILE_ID, ProfileOutput)
    if profile is None:
        return owned.store_new(Profile, user_id, PROFILE_ID, fields), True
    owned.assign(profile, fields)
    db.session.commit()
    return profile, False


def delete_profile(user_id: UUID) -> None:
    """Delete the profile.

    Raises:
        NotFound: there is none.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    profile = owned.find_to_change(get_profile, ProfileOutput, user_id)
    profile.deleted_at = datetime.now(UTC)
    db.session.commit()


def targets(user: User) -> Targets:
    """The user's daily targets; the age is that of the year it is in the user's time zone.

    Raises:
        NotFound: there is no profile.
    """
    profile = get_profile(user.id)
    age = datetime.now(ZoneInfo(user.time_zone)).year - profile.birth_year
    # Typed by the schema: the table holds only such texts.
    fields = ProfileFields.model_construct(
        **{name: getattr(profile, name) for name in ProfileFields.model_fields}
    )
    body = Body(fields.sex, age, fields.height_cm, fields.weight_kg)
    return daily_targets(body, fields.activity, fields.sport, fields.goal)


def list_plans(user_id: UUID, query: PageQuery) -> dict[str, Any]:
    """One page of the user's plans, by id."""
    return owned.page_by_id(MealPlan, owned.present(MealPlan, user_id), query)


def get_plan(user_id: UUID, plan_id: str) -> MealPlan:
    """Find a plan of the user.

    Raises:
        NotFound: the user has none of this id.
    """
    return owned.find(MealPlan, user_id, plan_id, "You have no such meal plan.")


def create_plan(user_id: UUID, data: PlanInput) -> tuple[MealPlan, bool]:
    """Create a plan, or bring a deleted one of this id back with new content.

    A repeat of the request, after a lost reply, finds the plan as it is.

    Returns:
        the plan, and whether it is new.

    Raises:
        Conflict: the id is taken by a plan with other content.
    """
    lock_feed(user_id)
    fields = data.model_dump(exclude={"id"})
    same = owned.find_repeat(MealPlan, user_id, data.id, fields, PlanOutput)
    if same:
        return same, False
    return owned.store_new(MealPlan, user_id, data.id, fields), True


def update_plan(user_id: UUID, plan_id: str, data: PlanPatch) -> MealPlan:
    """Change what the input names.

    Raises:
        NotFound: the user has no such plan.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    plan = owned.find_to_change(get_plan, PlanOutput, user_id, plan_id)
    owned.assign(plan, data.given())
    db.session.commit()
    return plan


def delete_plan(user_id: UUID, plan_id: str) -> None:
    """Delete a plan and its meals; they stay as tombstones for the other devices.

    Raises:
        NotFound: the user has no such plan.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    plan = owned.find_to_change(get_plan, PlanOutput, user_id, plan_id)
    plan.deleted_at = datetime.now(UTC)
    delete_meals_of(user_id, [plan_id])
    db.session.commit()


def delete_meals_of(user_id: UUID, plan_ids: Collection[str]) -> None:
    """Delete the meals of plans that are deleted; the caller has the feed's lock, and commits."""
    owned.delete_where(PlannedMeal, user_id, PlannedMeal.plan_id.in_(plan_ids))


def require_room(user_id: UUID, plan_ids: Collection[str], more: int = 0) -> None:
    """Check that plans have not too many meals; the caller has the feed's lock.

    Args:
        user_id: whose they are.
        plan_ids: the plans.
        more: meals that each is about to have besides.

    Raises:
        PlanFull: one would have.
    """
    plan_id = owned.find_crowded(
        PlannedMeal, user_id, PlannedMeal.plan_id, plan_ids, MAX_MEALS - more
    )
    if plan_id is not None:
        raise PlanFull(f"A plan has {MAX_MEALS} meals at most; {plan_id} is full.", limit=MAX_MEALS)


def list_meals(user_id: UUID, plan_id: str, query: PlannedMealsQuery) -> dict[str, Any]:
    """One page of a plan's meals, by day.

    Raises:
        NotFound: the user has no such plan.
    """
    get_plan(user_id, plan_id)
    statement = _meals_of(user_id, plan_id)
    if query.day:
        statement = statement.where(PlannedMeal.day == query.day)
    if query.after:
        key = tuple_(PlannedMeal.day, PlannedMeal.id)
        last = decode_cursor(query.after, _day, str)
        statement = statement.where(key > tuple_(*last))
    ordered = statement.order_by(PlannedMeal.day, PlannedMeal.id).limit(query.limit + 1)
    rows = db.session.scalars(ordered).all()
    return page_of(rows, query.limit, lambda row: (str(row.day), row.id))


def get_meal(user_id: UUID, plan_id: str, row_id: str) -> PlannedMeal:
    """Find a meal of a plan.

    Raises:
        NotFound: the user has no such plan, or it has no such meal.
    """
    missing = "You have no such meal in this plan."
    meal = owned.find(PlannedMeal, user_id, row_id, missing)
    if meal.plan_id != plan_id:
        raise NotFound(missing)
    return meal


def create_meal(user_id: UUID, plan_id: str, data: PlannedMealInput) -> tuple[PlannedMeal, bool]:
    """Put a meal into a plan; a repeat of the request finds it as it is.

    Returns:
        the meal of the plan, and whether it is new.

    Raises:
        NotFound: the user has no such plan.
        Conflict: the id is taken by another meal.
        PlanFull: the plan has as many meals as it may.
        Unprocessable: there is no such meal or ingredient.
    """
    catalog.refresh()
    lock_feed(user_id)
    get_plan(user_id, plan_id)
    fields = {**data.model_dump(exclude={"id"}), "plan_id": plan_id}
    same = owned.find_repeat(PlannedMeal, user_id, data.id, fields, PlannedMealOutput)
    if same:
        return same, False
    _require_content(data.meal_id, data.changes)
    require_room(user_id, [plan_id], more=1)
    return owned.store_new(PlannedMeal, user_id, data.id, fields), True


def update_meal(user_id: UUID, plan_id: str, row_id: str, data: PlannedMealPatch) -> PlannedMeal:
    """Change what the input names; `changes` are replaced as a whole.

    Raises:
        NotFound: the user has no such plan, or it has no such meal.
        PreconditionFailed: it is not the revision that If-Match names.
        Unprocessable: there is no such meal or ingredient.
    """
    catalog.refresh()
    meal = owned.find_to_change(get_meal, PlannedMealOutput, user_id, plan_id, row_id)
    _require_content(data.meal_id, data.changes or {})
    owned.assign(meal, data.given())
    db.session.commit()
    return meal


def delete_meal(user_id: UUID, plan_id: str, row_id: str) -> None:
    """Take a meal out of a plan.

    Raises:
        NotFound: the user has no such plan, or it has no such meal.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    meal = owned.find_to_change(get_meal, PlannedMealOutput, user_id, plan_id, row_id)
    meal.deleted_at = datetime.now(UTC)
    db.session.commit()


def all_meals(user_id: UUID, plan_id: str) -> list[PlannedMeal]:
    """All meals of a plan, by day.

    Raises:
        NotFound: the user has no such plan.
    """
    get_plan(user_id, plan_id)
    ordered = _meals_of(user_id, plan_id).order_by(PlannedMeal.day, PlannedMeal.id)
    return list(db.session.scalars(ordered))


def _meals_of(user_id: UUID, plan_id: str) -> Select[PlannedMeal]:
    return owned.present(PlannedMeal, user_id).where(PlannedMeal.plan_id == plan_id)


def _require_content(meal_id: str | None, changes: Collection[str]) -> None:
    if meal_id is not None and not catalog.find_meals([meal_id]):
        raise Unprocessable("meal_id", "there is no such meal")
    unknown = set(changes) - catalog.find_ingredients(changes).keys()
    if unknown:
        raise Unprocessable(f"changes.{min(unknown)}", "there is no such ingredient")


def _day(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(LAST_DAY)):
        raise ValueError(text)
    return int(text)
