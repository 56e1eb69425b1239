"""What syncs, and what follows from a push."""

from collections.abc import Sequence
from uuid import UUID

from app.products.nutrition import service
from app.products.nutrition.models import PROFILE_ID, MealPlan, PlannedMeal, Profile
from app.products.nutrition.schemas import PlanFields, PlannedMealFields, ProfileFields
from app.schemas import RowId
from app.sync.collection import Change, Collection, Parent


class SyncedMealFields(PlannedMealFields):
    """A whole meal of a plan; REST has the plan in the path."""

    plan_id: RowId


def _profile_id(_profile: ProfileFields) -> str:
    return PROFILE_ID


def _settle_plans(user_id: UUID, changes: Sequence[Change]) -> None:
    deleted = [change.id for change in changes if change.after is None]
    if deleted:
        service.delete_meals_of(user_id, deleted)


def _settle_meals(user_id: UUID, changes: Sequence[Change]) -> None:
    plans = {change.after["plan_id"] for change in changes if change.after is not None}
    if plans:
        service.require_room(user_id, plans)


collections = [
    Collection("nutrition_profiles", Profile, ProfileFields, expected_id=_profile_id),
    Collection("meal_plans", MealPlan, PlanFields, settle=_settle_plans),
    Collection(
        "plan_meals",
        PlannedMeal,
        SyncedMealFields,
        parent=Parent("plan_id", MealPlan),
        settle=_settle_meals,
    ),
]
