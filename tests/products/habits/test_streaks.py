"""Streaks against the rules told in plain words, day by day."""

from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.products.habits.streaks import DAY, History, Schedule, monday, needed_from
from app.schemas import FIRST_DAY

START = date(2026, 1, 1)  # a Thursday
days = st.integers(0, 60).map(lambda n: START + n * DAY)


def _whole(schedule: Schedule, done: Iterable[date]) -> History:
    """The history of all days, as the service makes it; no streak before them is known."""
    return History.continued(schedule, FIRST_DAY, dict.fromkeys(done, 0))


def _naive_days(schedule: Schedule, done: set[date], day: date) -> int:
    """Walk back from a day that counts as over."""
    streak = 0
    while day >= schedule.start:
        if day.isoweekday() in schedule.weekdays:
            if day not in done:
                return streak
            streak += 1
        day -= DAY
    return streak


def _naive_weeks(schedule: Schedule, done: set[date], day: date) -> int:
    def count(first: date, last: date) -> int:
        return sum(1 for d in done if first <= d <= last and d >= schedule.start)

    def wanted(week: date) -> int:
        # Of the first week only what the start has left of it.
        left = sum(1 for n in range(7) if week + n * DAY >= schedule.start)
        return min(schedule.times_per_week or 0, left)

    week = monday(day)
    streak = 1 if count(week, day) >= wanted(week) else 0
    week -= timedelta(7)
    while week >= monday(schedule.start) and count(week, week + 6 * DAY) >= wanted(week):
        streak += 1
        week -= timedelta(7)
    return streak


@given(st.sets(days), st.sets(st.integers(1, 7), min_size=1), st.integers(0, 20), days)
def test_day_streaks_agree_with_walking_back(
    done: set[date], weekdays: set[int], offset: int, day: date
) -> None:
    schedule = Schedule(START + offset * DAY, frozenset(weekdays))
    assert _whole(schedule, done).streak_on(day) == _naive_days(schedule, done, day)


@given(st.sets(days), st.integers(1, 7), st.integers(0, 20), days)
def test_week_streaks_agree_with_walking_back(
    done: set[date], times: int, offset: int, day: date
) -> None:
    schedule = Schedule(START + offset * DAY, times_per_week=times)
    assert _whole(schedule, done).streak_on(day) == _naive_weeks(schedule, done, day)


schedules = st.builds(
    Schedule,
    start=st.integers(0, 20).map(lambda n: START + n * DAY),
    weekdays=st.frozensets(st.integers(1, 7), min_size=1),
    times_per_week=st.none() | st.integers(1, 7),
)


@given(schedules, st.sets(days), days, days)
def test_a_part_of_the_history_continues_the_streaks_before_it(
    schedule: Schedule, done: set[date], since: date, day: date
) -> None:
    whole = _whole(schedule, done)
    # What is stored of days that have changed means nothing.
    streaks = {
        day: whole.streak_on(day) if day < since else 999
        for day in done
        if day >= needed_from(since)
    }
    part = History.continued(schedule, since, streaks)
    assert part.streak_on(max(since, day)) == whole.streak_on(max(since, day))


@given(st.sets(days), st.sets(st.integers(1, 7), min_size=1))
def test_the_best_is_the_largest_ever(done: set[date], weekdays: set[int]) -> None:
    schedule = Schedule(START, frozenset(weekdays))
    history = _whole(schedule, done)
    assert history.best == max((history.streak_on(START + n * DAY) for n in range(61)), default=0)


def test_today_breaks_nothing_while_it_is_not_over() -> None:
    done = [START, START + DAY]
    history = _whole(Schedule(START), done)
    assert history.current(START + 2 * DAY) == 2
    assert history.current(START + 3 * DAY) == 0


def test_a_day_off_neither_adds_nor_breaks() -> None:
    friday, monday_after = date(2026, 1, 2), date(2026, 1, 5)
    history = _whole(Schedule(START, frozenset({1, 2, 3, 4, 5})), [friday, monday_after])
    assert history.current(monday_after) == 2
    assert history.streak_on(date(2026, 1, 4)) == 1


def test_the_present_week_breaks_nothing_before_its_end() -> None:
    first_week = [date(2026, 1, 5), date(2026, 1, 7)]
    history = _whole(Schedule(START, times_per_week=2), first_week)
    assert history.current(date(2026, 1, 18)) == 1
    assert history.current(date(2026, 1, 19)) == 0


@pytest.mark.parametrize("first", [START, date(2026, 2, 1)])
def test_rates_count_only_what_was_due(first: date) -> None:
    done = [START + n * DAY for n in range(0, 59, 2)]
    history = _whole(Schedule(START), done)
    months = history.monthly_rates(first, date(2026, 2, 28))
    assert [(m.start, m.due, m.done) for m in months][-1] == (date(2026, 2, 1), 28, 14)


def test_weekly_rates_are_capped_by_the_goal() -> None:
    done = [date(2026, 1, 5) + n * DAY for n in range(7)]
    rates = _whole(Schedule(START, times_per_week=3), done).weekly_rates(
        date(2026, 1, 5), date(2026, 1, 18)
    )
    assert [(r.due, r.done) for r in rates] == [(3, 3), (3, 0)]


def test_a_first_week_cut_short_asks_for_no_more_than_it_has() -> None:
    saturday = date(2026, 8, 1)
    schedule = Schedule(saturday, times_per_week=5)
    history = _whole(schedule, [saturday, saturday + DAY])
    week = history.weekly_rates(saturday, saturday + DAY)[0]
    assert (week.due, week.done) == (2, 2)
    assert history.best == 1


def test_the_months_add_up_to_the_weeks() -> None:
    # The first week begins in June, before the habit.
    schedule = Schedule(date(2026, 7, 1), times_per_week=3)
    history = _whole(schedule, [date(2026, 7, day) for day in (1, 2, 3, 8)])
    bounds = (date(2026, 7, 1), date(2026, 8, 20))
    weeks, months = history.weekly_rates(*bounds), history.monthly_rates(*bounds)
    assert [month.start.month for month in months] == [6, 7, 8]
    for figure in ("due", "done"):
        assert sum(getattr(w, figure) for w in weeks) == sum(getattr(m, figure) for m in months)
