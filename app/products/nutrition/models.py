"""The nutrition profile, and meal plans with their meals."""

from datetime import date

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, OwnedRow

# The id of everybody's profile, so that two devices cannot make two.
PROFILE_ID = "profile"


class Profile(OwnedRow, Base):
    """The body, sport and goal of a user; the only row, its id is `profile`."""

    __tablename__ = "user_nutrition_profiles"

    sex: Mapped[str]
    birth_year: Mapped[int] = mapped_column(BigInteger)
    height_cm: Mapped[float]
    weight_kg: Mapped[float]
    activity: Mapped[str]
    sport: Mapped[str]
    goal: Mapped[str]


class MealPlan(OwnedRow, Base):
    """A plan; its first day is `start_date`."""

    __tablename__ = "user_meal_plans"

    name: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    start_date: Mapped[date]


class PlannedMeal(OwnedRow, Base):
    """A meal of the content on a day of a plan, with the user's own changes.

    `changes` has grams of a serving by ingredient: instead of the meal's, 0 to leave one out, or
    of an ingredient that the meal has not.
    """

    __tablename__ = "user_plan_meals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "plan_id"],
            ["user_meal_plans.user_id", "user_meal_plans.id"],
            ondelete="CASCADE",
        ),
    )

    plan_id: Mapped[str]
    day: Mapped[int] = mapped_column(BigInteger)
    slot: Mapped[str]
    meal_id: Mapped[str]
    servings: Mapped[float]
    changes: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
