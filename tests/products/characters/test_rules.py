"""The rules as pure functions: what holds for every character."""

from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.products.characters.content import SLOTS, Bonuses, Item, Race, Requirements
from app.products.characters.gear import Build, find_fault, load_of, sheet_of
from app.products.characters.rules import (
    ABILITIES,
    COSTS,
    FIGURES,
    MAX_LEVEL,
    Calling,
    Kin,
    budget_of,
    derive,
    experience_for,
    level_of,
    points_of,
    raise_by,
)

scores = st.fixed_dictionaries({name: st.sampled_from(sorted(COSTS)) for name in ABILITIES})
bonuses = st.dictionaries(st.sampled_from(ABILITIES), st.integers(-5, 5))
figures = st.dictionaries(st.sampled_from(FIGURES), st.integers(-50_000, 50_000))
experience = st.integers(0, 1_000_000)
levels = st.integers(1, MAX_LEVEL)
# A busy machine takes long to make a whole character.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TITLE = {"title": {"en": "x"}, "description": {"en": "x"}}
items = st.builds(
    lambda place, two_handed, weight, given_, wanted: Item.model_validate(
        {
            **TITLE,
            "rarity": "common",
            "slot": place,
            "two_handed": two_handed and place == "main-hand",
            "weight_grams": weight,
            "price": 0,
            "bonuses": given_,
            "requirements": wanted,
        }
    ),
    st.sampled_from(["head", "main-hand", "off-hand", "either-hand", "ring", "none"]),
    st.booleans(),
    st.integers(0, 30_000),
    st.builds(lambda a, f: Bonuses(abilities=a, figures=f).model_dump(), bonuses, figures),
    st.builds(lambda level: Requirements(level=level).model_dump(), st.integers(1, 4)),
)


@st.composite
def builds(draw: st.DrawFn) -> Build:
    known = draw(st.dictionaries(st.sampled_from("abc"), items))
    names = st.sampled_from("abcd")
    return Build(
        scores=draw(scores),
        experience=draw(st.integers(0, 2_000)),
        race_id="r",
        archetype_id="a",
        race=draw(
            st.none()
            | st.builds(
                lambda a: Race.model_validate({**TITLE, "abilities": a, "speed": 8}), bonuses
            )
        ),
        carried=draw(st.dictionaries(names, st.integers(1, 3))),
        worn=draw(st.dictionaries(st.sampled_from(SLOTS), names)),
        items=known,
    )


@pytest.mark.parametrize(
    ("points", "level"),
    [(0, 1), (99, 1), (100, 2), (299, 2), (300, 3), (600, 4), (18_999, 19), (19_000, 20)],
)
def test_levels_begin_where_the_docs_say(points: int, level: int) -> None:
    assert level_of(points) == level


@patient
@given(experience)
def test_a_level_lasts_until_the_next_begins(points: int) -> None:
    level = level_of(points)
    assert 1 <= level <= MAX_LEVEL
    assert experience_for(level) <= points
    assert level == MAX_LEVEL or points < experience_for(level + 1)
    # The formula of the docs, in real numbers.
    assert level == min(int((1 + sqrt(1 + 4 * (points // 50))) / 2), MAX_LEVEL)


@patient
@given(scores, st.sampled_from(ABILITIES))
def test_each_point_of_an_ability_costs_more_than_none(bought: dict, name: str) -> None:
    assume(bought[name] < max(COSTS))
    assert points_of({**bought, name: bought[name] + 1}) > points_of(bought)


def test_steps_never_get_cheaper() -> None:
    costs = [COSTS[score] for score in sorted(COSTS)]
    steps = [after - before for before, after in pairwise(costs)]
    assert steps == sorted(steps)
    assert (costs[0], costs[-1]) == (0, 16)
    assert points_of(dict.fromkeys(ABILITIES, 6)) == budget_of(1) == 24
    assert budget_of(MAX_LEVEL) == 43


@patient
@given(scores, st.lists(bonuses, max_size=5))
def test_no_ability_falls_below_one(bought: dict, given_: list[dict]) -> None:
    raised = raise_by(bought, *given_)
    for name in ABILITIES:
        plain = bought[name] + sum(bonus.get(name, 0) for bonus in given_)
        assert raised[name] == (plain if plain >= 1 else 1)


@patient
@given(scores, levels, figures, st.sampled_from(ABILITIES))
def test_a_better_ability_is_never_worse(bought: dict, level: int, added: dict, name: str) -> None:
    kin, calling = Kin({}), Calling()
    before = derive(bought, level, kin, calling, added)
    after = derive({**bought, name: bought[name] + 1}, level, kin, calling, added)
    assert all(after[figure] >= before[figure] for figure in FIGURES)


@patient
@given(scores, levels, figures)
def test_figures_have_their_lowest(bought: dict, level: int, added: dict) -> None:
    derived = derive(bought, level, Kin({}), Calling(), added)
    assert set(derived) == set(FIGURES)
    assert derived["hit_points"] >= 1
    assert all(value >= 0 for value in derived.values())


def test_the_formulas_are_those_of_the_docs() -> None:
    bought = {
        "power": 7,
        "swiftness": 5,
        "stamina": 9,
        "reason": 4,
        "instinct": 6,
        "charm": 3,
    }
    derived = derive(bought, 5, Kin({}, 7, 8_000), Calling("instinct", 16, 5, 2), {"speed": 1})
    assert derived == {
        "hit_points": 16 + 5 * (5 + 4),
        "defence": 2 * 5 + 4,
        "initiative": 5 + 6,
        "attack": 6 + 2,
        "focus": 2 * 4 + 3 + 5 * 2,
        "speed": 7 + 1,
        "carrying_capacity_grams": 10_000 + 4_000 * 7 + 8_000,
    }


@patient
@given(builds())
def test_a_sheet_counts_only_what_is_worn_by_the_rules(build: Build) -> None:
    sheet = sheet_of(build)
    active = [slot for slot in build.worn if slot not in sheet.faults]
    for slot in active:
        item = build.items[build.worn[slot]]
        assert slot in item.fits
        assert item.requirements.level <= build.level
    for item_id in set(build.worn.values()):
        uses = [slot for slot in active if build.worn[slot] == item_id]
        assert len(uses) <= build.carried.get(item_id, 0)
    if "main-hand" in active and build.items[build.worn["main-hand"]].two_handed:
        assert "off-hand" not in active
    abilities = raise_by(
        build.born, *(build.items[build.worn[slot]].bonuses.abilities for slot in active)
    )
    assert sheet.abilities == abilities


@patient
@given(builds())
def test_what_does_nothing_may_as_well_be_taken_off(build: Build) -> None:
    sheet = sheet_of(build)
    kept = {slot: item for slot, item in build.worn.items() if slot not in sheet.faults}
    plain = sheet_of(Build(**{**vars(build), "worn": kept}))
    assert plain.faults == {}
    assert (plain.abilities, plain.figures) == (sheet.abilities, sheet.figures)


@patient
@given(builds())
def test_the_load_decides_who_is_slow(build: Build) -> None:
    sheet = sheet_of(build)
    assert sheet.load_grams == load_of(build)
    assert sheet.overloaded == (sheet.load_grams > sheet.figures["carrying_capacity_grams"])


@patient
@given(builds(), st.permutations(SLOTS))
def test_one_of_two_that_exclude_each_other_stays(build: Build, order: list) -> None:
    held = [slot for slot in ("main-hand", "off-hand") if slot in build.worn]
    faults = [find_fault(build, slot, order) for slot in held]
    blocked = [fault for fault in faults if fault and fault.type == "slot-blocked"]
    assert len(blocked) <= 1
