"""Daily targets: the published formulas, and what holds for everybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.products.nutrition.targets import (
    MAX_FAT_SHARE,
    MIN_CARBOHYDRATE_G,
    MIN_FAT_SHARE,
    MIN_KCAL,
    Body,
    daily_targets,
    resting_kcal,
)

MAN = Body("male", 30, 180.0, 80.0)
WOMAN = Body("female", 30, 165.0, 60.0)
SPORTS = ("fitness", "endurance", "team", "strength")
ACTIVITIES = ("sedentary", "light", "moderate", "vigorous")
GOALS = ("lose", "maintain", "gain")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # 10 x 80 + 6.25 x 180 - 5 x 30 + 5
        (MAN, 1780),
        # 10 x 60 + 6.25 x 165 - 5 x 30 - 161
        (WOMAN, 1320.25),
        (Body("male", 60, 180.0, 80.0), 1630),
    ],
)
def test_rest_is_that_of_mifflin_and_st_jeor(body, expected):
    assert resting_kcal(body) == expected


@pytest.mark.parametrize(
    ("activity", "factor"),
    [("sedentary", 1.4), ("light", 1.55), ("moderate", 1.85), ("vigorous", 2.2)],
)
def test_maintenance_is_rest_times_activity(activity, factor):
    found = daily_targets(MAN, activity, "fitness", "maintain")

    assert found.maintenance_kcal == pytest.approx(1780 * factor)
    assert found.energy_kcal == found.maintenance_kcal
    assert not found.raised


def test_losing_takes_500_kcal_but_no_more_than_a_fifth():
    much = daily_targets(MAN, "vigorous", "fitness", "lose")
    little = daily_targets(MAN, "light", "fitness", "lose")

    assert much.energy_kcal == pytest.approx(1780 * 2.2 - 500)
    assert little.energy_kcal == pytest.approx(1780 * 1.55 - 500)
    small = daily_targets(WOMAN, "light", "fitness", "lose")
    assert small.energy_kcal == pytest.approx(1320.25 * 1.55 * 0.8)
    assert not small.raised


def test_gaining_adds_a_tenth():
    found = daily_targets(MAN, "moderate", "strength", "gain")

    assert found.energy_kcal == pytest.approx(1780 * 1.85 * 1.1)


def test_energy_is_never_below_what_is_safe():
    old = Body("female", 80, 150.0, 45.0)
    found = daily_targets(old, "sedentary", "fitness", "lose")

    assert resting_kcal(old) * 1.4 < 1200
    assert found.energy_kcal == 1200
    assert found.raised


@pytest.mark.parametrize(
    ("sport", "goal", "per_kg"),
    [
        ("fitness", "maintain", 1.4),
        ("endurance", "lose", 1.8),
        ("team", "maintain", 1.6),
        ("strength", "lose", 2.0),
        ("strength", "gain", 1.8),
    ],
)
def test_protein_is_by_weight_sport_and_goal(sport, goal, per_kg):
    assert daily_targets(MAN, "moderate", sport, goal).protein_g == pytest.approx(80 * per_kg)


def test_fat_mass_above_a_bmi_of_30_asks_for_no_protein():
    heavy = Body("male", 30, 180.0, 150.0)

    assert daily_targets(heavy, "light", "fitness", "maintain").protein_g == pytest.approx(
        1.4 * 30 * 1.8**2
    )


def test_protein_is_no_more_than_35_percent_of_the_energy():
    small = Body("female", 24, 133.0, 30 * 1.33**2)
    found = daily_targets(small, "sedentary", "strength", "lose")

    assert 2.0 * small.weight_kg * 4 > 0.35 * found.energy_kcal
    assert found.protein_g * 4 == pytest.approx(0.35 * found.energy_kcal)


def test_fat_is_30_percent_where_carbohydrate_is_in_its_range():
    found = daily_targets(MAN, "light", "fitness", "maintain")

    assert found.fat_g * 9 == pytest.approx(0.3 * found.energy_kcal)
    assert 3 * 80 < found.carbohydrate_g < 5 * 80


def test_fat_gives_way_to_carbohydrate_that_training_needs():
    found = daily_targets(MAN, "moderate", "strength", "lose")

    assert found.fat_g * 9 < 0.3 * found.energy_kcal
    assert found.carbohydrate_g <= 5 * 80 + 0.001


@given(
    st.sampled_from(("female", "male")),
    st.integers(18, 100),
    st.floats(120, 230),
    st.floats(13, 80),
    st.sampled_from(ACTIVITIES),
    st.sampled_from(SPORTS),
    st.sampled_from(GOALS),
)
def test_what_holds_for_every_body(sex, age, height, bmi, activity, sport, goal):
    weight = bmi * (height / 100) ** 2
    found = daily_targets(Body(sex, age, height, weight), activity, sport, goal)

    of_parts = 4 * found.protein_g + 4 * found.carbohydrate_g + 9 * found.fat_g
    assert of_parts == pytest.approx(found.energy_kcal)
    assert found.energy_kcal >= max(found.resting_kcal, MIN_KCAL[sex]) - 0.001
    share = 9 * found.fat_g / found.energy_kcal
    assert MIN_FAT_SHARE - 0.001 <= share <= MAX_FAT_SHARE + 0.001
    assert found.protein_g * 4 <= 0.35 * found.energy_kcal + 0.001
    assert found.carbohydrate_g >= MIN_CARBOHYDRATE_G - 0.001
    assert found.fiber_g == pytest.approx(14 * found.energy_kcal / 1000)
