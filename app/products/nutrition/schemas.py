"""What the nutrition endpoints take and give."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from app.content.schemas import ContentQuery, Slug
from app.pages import PageQuery
from app.products.nutrition.content import Allergen, Currency
from app.products.nutrition.targets import Activity, Goal, Sex, Sport, bmi_of
from app.schemas import Body, Day, Output, Patch, RowId, refuse

MIN_AGE, MAX_AGE = 18, 100
# Below and above, a number is more likely mistyped than true.
MIN_BMI, MAX_BMI = 13, 80
# The WHO calls less than 18.5 underweight; who loses weight must not get there.
MIN_BMI_TO_LOSE = 20
LAST_DAY = 28
MAX_CHANGES = 30
MAX_STORES = 10
NOTICE = (
    "An estimate for healthy adults, not medical advice. Ask a physician or dietitian before you "
    "follow it when you are pregnant, nurse, are ill, take medicine, or had an eating disorder."
)

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(max_length=2000)]
Slot = Literal["breakfast", "lunch", "dinner", "snack"]
PlanDay = Annotated[int, Field(ge=1, le=LAST_DAY, description="1 is the plan's start_date.")]
Servings = Annotated[float, Field(ge=0.25, le=20, multiple_of=0.25)]
Changes = Annotated[
    dict[Slug, Annotated[int, Field(ge=0, le=5000)]],
    Field(
        max_length=MAX_CHANGES,
        description="Grams of a serving by ingredient: instead of the meal's, 0 to leave one out, "
        "or of an ingredient that the meal has not.",
    ),
]


class ProfileFields(Body):
    """A whole nutrition profile."""

    sex: Sex = Field(description="Whose formula is used.")
    birth_year: int
    height_cm: float = Field(ge=120, le=230)
    weight_kg: float = Field(ge=30, le=250)
    activity: Activity = Field(description="Of the whole day, training included.")
    sport: Sport
    goal: Goal

    @field_validator("birth_year")
    @classmethod
    def be_adult(cls, year: int) -> int:
        """The formulas are of adults; the birthday of this year may be yet to come."""
        age = datetime.now(UTC).year - year
        if not MIN_AGE < age <= MAX_AGE:
            raise ValueError(f"must make you {MIN_AGE} to {MAX_AGE} years old")
        return year

    @model_validator(mode="after")
    def be_plausible(self) -> Self:
        """Refuse what was mistyped, and a goal that would harm."""
        bmi = bmi_of(self.height_cm, self.weight_kg)
        if not MIN_BMI <= bmi <= MAX_BMI:
            rule = f"a body mass index of {bmi:.1f}; it must be {MIN_BMI} to {MAX_BMI}"
            refuse(
                {
                    "height_cm": f"makes with weight_kg {rule}",
                    "weight_kg": f"makes with height_cm {rule}",
                }
            )
        if self.goal == "lose" and bmi < MIN_BMI_TO_LOSE:
            refuse(
                {
                    "goal": f"cannot be `lose` with a body mass index of {bmi:.1f}, "
                    f"below {MIN_BMI_TO_LOSE}"
                }
            )
        return self


class ProfileOutput(Output):
    id: str
    sex: Sex
    birth_year: int
    height_cm: float
    weight_kg: float
    activity: Activity
    sport: Sport
    goal: Goal
    rev: int
    created_at: datetime
    updated_at: datetime


def _round(value: float) -> float:
    # Tables do not know more digits. Minus nothing would print as -0.0.
    return round(value, 1) + 0.0


Amount = Annotated[float, AfterValidator(_round)]


class NutrientsOutput(Output):
    energy_kcal: Amount
    protein_g: Amount
    carbohydrate_g: Amount
    fat_g: Amount
    fiber_g: Amount


class TargetsOutput(NutrientsOutput):
    resting_kcal: Amount = Field(description="Used at rest, by Mifflin and St Jeor.")
    maintenance_kcal: Amount = Field(description="Used in all: rest times activity.")
    raised: bool = Field(description="Whether the energy was raised to the lowest that is safe.")
    notice: str = NOTICE


class MealIngredientOutput(Output):
    ingredient: str
    title: str | None = Field(description="Null when there is no such ingredient now.")
    grams: int = Field(description="Of a serving.")


class MealOutput(Output):
    id: str
    version: int
    locale: str = Field(description="Locale of the title.")
    tags: list[str]
    title: str
    instructions: str
    minutes: int
    ingredients: list[MealIngredientOutput]
    allergens: list[Allergen]
    serving: NutrientsOutput
    missing: list[str] = Field(description="Ingredients that are not there, and so not counted.")


class MealPageOutput(Output):
    items: list[MealOutput]
    next: str | None


class PlanFields(Body):
    """A whole plan, without its meals."""

    name: Name
    note: LongText = ""
    start_date: Day


class PlanInput(PlanFields):
    id: RowId | None = Field(None, description="Made here when missing.")


class PlanPatch(Patch):
    """The fields to change."""

    name: Name | None = None
    note: LongText | None = None
    start_date: Day | None = None


class PlanOutput(Output):
    id: str
    name: str
    note: str
    start_date: date
    rev: int
    created_at: datetime
    updated_at: datetime


class PlanPageOutput(Output):
    items: list[PlanOutput]
    next: str | None


class PlannedMealFields(Body):
    """A whole meal of a plan."""

    day: PlanDay
    slot: Slot
    meal_id: Slug
    servings: Servings = 1.0
    changes: Changes = Field(default_factory=dict)


class PlannedMealInput(PlannedMealFields):
    id: RowId | None = Field(None, description="Made here when missing.")


class PlannedMealPatch(Patch):
    """The fields to change."""

    day: PlanDay | None = None
    slot: Slot | None = None
    meal_id: Slug | None = None
    servings: Servings | None = None
    changes: Changes | None = None


class PlannedMealOutput(Output):
    id: str
    plan_id: str
    day: int
    slot: Slot
    meal_id: str
    servings: float
    changes: dict[str, int]
    rev: int
    created_at: datetime
    updated_at: datetime


class PlannedMealsQuery(PageQuery):
    day: PlanDay | None = Field(None, description="Only this day.")


class PlannedMealPageOutput(Output):
    items: list[PlannedMealOutput]
    next: str | None


class MissingOutput(Output):
    meals: list[str] = Field(description="Meals of the plan that are not there now.")
    ingredients: list[str] = Field(description="Ingredients that are not there now.")


class PlanDayOutput(Output):
    day: int
    date: date
    total: NutrientsOutput
    difference: NutrientsOutput | None = Field(
        description="Total less target; null without a profile."
    )


class TotalsOutput(Output):
    days: list[PlanDayOutput] = Field(description="The days that have meals.")
    mean: NutrientsOutput = Field(description="Of a day that has meals.")
    difference: NutrientsOutput | None = Field(
        description="Mean less target; null without a profile."
    )
    targets: TargetsOutput | None = Field(description="Null without a profile.")
    missing: MissingOutput = Field(description="What is not counted.")


class BasketQuery(ContentQuery):
    currency: Currency = Field("RSD", description="Only prices in it count.")
    max_stores: int = Field(2, ge=1, le=4, description="Stores of the combination, at most.")
    stores: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9-]{0,99}(,[a-z0-9][a-z0-9-]{0,99}){0,9}$",
        description=f"Comma list of up to {MAX_STORES}; only these are compared.",
    )


class PackageOutput(Output):
    store: str
    package_grams: int
    amount_minor: int = Field(description="Price of one, in hundredths of the currency.")
    count: int


class BasketLineOutput(Output):
    ingredient: str
    title: str | None
    needed_grams: int
    bought_grams: int
    amount_minor: int
    packages: list[PackageOutput]


class BasketStoreOutput(Output):
    id: str
    title: str
    amount_minor: int = Field(description="What is to be paid there.")


class BasketOutput(Output):
    amount_minor: int = Field(description="Price of all, in hundredths of the currency.")
    stores: list[BasketStoreOutput]
    lines: list[BasketLineOutput]
    missing: list[str] = Field(description="Ingredients that these stores do not sell.")


class BasketsOutput(Output):
    currency: Currency
    single: BasketOutput | None = Field(description="The best of one store; null of no store.")
    combination: BasketOutput | None = Field(description="The best of up to max_stores stores.")
    unavailable: list[str] = Field(description="Ingredients that no compared store sells.")
    missing: MissingOutput = Field(description="What is not counted.")
