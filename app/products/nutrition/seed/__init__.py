"""An example profile and meal plan for a demo account."""

from datetime import UTC, datetime

from app.accounts.models import User
from app.products.nutrition import service
from app.products.nutrition.schemas import PlanInput, PlannedMealInput, ProfileFields, Slot

PLAN = "week"
DAYS: list[dict[Slot, str]] = [
    {
        "breakfast": "oat-porridge-banana",
        "lunch": "chicken-rice-broccoli",
        "dinner": "lentil-soup",
        "snack": "recovery-shake",
    },
    {
        "breakfast": "scrambled-eggs-toast",
        "lunch": "tuna-pasta",
        "dinner": "turkey-buckwheat",
        "snack": "cottage-cheese-fruit",
    },
    {
        "breakfast": "protein-yoghurt-bowl",
        "lunch": "beef-stew-potato",
        "dinner": "tofu-rice-bowl",
        "snack": "kefir-almonds-orange",
    },
]


def seed(user: User) -> None:
    """Give a user a profile, and a plan of three days with a change of their own."""
    user_id = user.id
    today = datetime.now(UTC).date()
    service.put_profile(
        user_id,
        ProfileFields(
            sex="female",
            birth_year=today.year - 30,
            height_cm=170.0,
            weight_kg=65.0,
            activity="moderate",
            sport="endurance",
            goal="maintain",
        ),
    )
    service.create_plan(user_id, PlanInput(id=PLAN, name="Training days", start_date=today))
    for day, meals in enumerate(DAYS, start=1):
        for slot, meal_id in meals.items():
            meal = PlannedMealInput(
                id=f"{PLAN}-{day}-{slot}",
                day=day,
                slot=slot,
                meal_id=meal_id,
                servings=1.5 if slot == "lunch" else 1.0,
                changes={"honey": 20} if meal_id == "oat-porridge-banana" else {},
            )
            service.create_meal(user_id, PLAN, meal)
