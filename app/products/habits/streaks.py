"""Streaks and completion rates: pure functions over the days on which a habit was done.

The rules:

- A day before the habit's start never counts.
- daily, weekdays: the streak is the number of due days in a row that were done. A day that is not
  due neither adds nor breaks. The present day breaks nothing while it is not done: it is not over.
- weekly: the streak is the number of ISO weeks in a row with at least n days done; of the first
  week, which may begin in its middle, no more than it has left. The present week adds once it has
  them, and breaks nothing before its end.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def monday(day: date) -> date:
    """First day of the ISO week of a day."""
    return day - timedelta(days=day.weekday())


def needed_from(since: date) -> date:
    """The first day that the streaks from a day on follow from: the Monday of the week before."""
    return monday(since) - WEEK


@dataclass(frozen=True)
class Schedule:
    """When a habit is due.

    Attributes:
        start: first day that counts.
        weekdays: ISO weekdays on which it is due (Monday is 1); all seven for a daily habit.
        times_per_week: days a week, for a weekly habit; None for the others.
    """

    start: date
    weekdays: frozenset[int] = frozenset(range(1, 8))
    times_per_week: int | None = None

    def is_due(self, day: date) -> bool:
        """Whether the habit is due on this very day; no single day is, for a weekly habit."""
        return (
            self.times_per_week is None and day >= self.start and day.isoweekday() in self.weekdays
        )

    def last_due(self, day: date) -> date | None:
        """The latest due day up to and including a day."""
        for back in range(7):
            if self.is_due(day - back * DAY):
                return day - back * DAY
        return None


@dataclass(frozen=True)
class Rate:
    """What was done of what was due, in a week or month beginning at `start`."""

    start: date
    due: int
    done: int


@dataclass(frozen=True)
class History:
    """The days on which one habit was done, or those from some day on.

    Attributes:
        schedule: of the habit.
        done: the days.
        known: the streak up to the last due day before them, where these are not all; of a weekly
            habit the streak up to the last week, by its Monday.
    """

    schedule: Schedule
    done: frozenset[date] = field(default_factory=frozenset)
    known: Mapping[date, int] = field(default_factory=dict)

    @classmethod
    def continued(cls, schedule: Schedule, since: date, streaks: Mapping[date, int]) -> "History":
        """Make the history from a day on, which goes on from the streaks before it.

        Args:
            schedule: of the habit.
            since: the first day on which `streak_on` is asked.
            streaks: the days done, from `needed_from(since)` on, each with its streak; only those
                before `since` need be right.
        """
        counted = {day: streak for day, streak in streaks.items() if day >= schedule.start}
        if schedule.times_per_week is None:
            last = schedule.last_due(since - DAY)
            known = {last: counted[last]} if last in counted else {}
            return cls(schedule, frozenset(day for day in counted if day >= since), known)
        this_week = monday(since)
        week = [day for day in counted if this_week - WEEK <= day < this_week]
        history = cls(schedule, frozenset(day for day in counted if day >= this_week))
        if not week or len(week) < history._wanted(this_week - WEEK):
            return history
        return replace(history, known={this_week - WEEK: counted[max(week)]})

    def streak_on(self, day: date) -> int:
        """The streak up to and including a day, as if that day were over.

        For a weekly habit the week of that day is taken as it stood on that day, unfinished.
        """
        if self.schedule.times_per_week is None:
            due = self.schedule.last_due(day)
            return self._day_streaks.get(due, 0) if due else 0
        first = monday(day)
        done = sum(
            1 for offset in range((day - first).days + 1) if first + offset * DAY in self.done
        )
        before = self._week_streaks.get(first - WEEK, 0)
        return before + 1 if done >= self._wanted(first) else before

    def current(self, today: date) -> int:
        """The streak today, which is not over yet."""
        pending = self.schedule.is_due(today) and today not in self.done
        return self.streak_on(today - DAY if pending else today)

    @property
    def best(self) -> int:
        """The longest streak ever."""
        weekly = self.schedule.times_per_week is not None
        return max((self._week_streaks if weekly else self._day_streaks).values(), default=0)

    @cached_property
    def _day_streaks(self) -> dict[date, int]:
        streaks = dict(self.known)
        for day in sorted(filter(self.schedule.is_due, self.done)):
            before = self.schedule.last_due(day - DAY)
            streaks[day] = streaks.get(before, 0) + 1 if before else 1
        return streaks

    @cached_property
    def _week_streaks(self) -> dict[date, int]:
        streaks = dict(self.known)
        for week, done in sorted(Counter(map(monday, self.done)).items()):
            if done >= self._wanted(week):
                streaks[week] = streaks.get(week - WEEK, 0) + 1
        return streaks

    def weekly_rates(self, first: date, last: date) -> list[Rate]:
        """Rates of the ISO weeks that touch first..last; days after `last` are not due."""
        start = monday(max(first, self.schedule.start))
        weeks = range(0, (last - start).days + 1, 7)
        return [self._rate(start + n * DAY, min(start + (n + 6) * DAY, last)) for n in weeks]

    def monthly_rates(self, first: date, last: date) -> list[Rate]:
        """Rates of the months that touch first..last; a weekly habit's week counts in the month of
        its Monday."""
        rates: list[Rate] = []
        earliest = max(first, self.schedule.start)
        if self.schedule.times_per_week is not None:
            earliest = monday(earliest)
        month = earliest.replace(day=1)
        while month <= last:
            following = (month + 31 * DAY).replace(day=1)
            end = min(following - DAY, last)
            if self.schedule.times_per_week is None:
                rates.append(self._rate(month, end))
            else:
                begin = max(month if month.weekday() == 0 else monday(month) + WEEK, earliest)
                mondays = range(0, max((end - begin).days + 1, 0), 7)
                weeks = [
                    self._rate(begin + n * DAY, min(begin + (n + 6) * DAY, last)) for n in mondays
                ]
                rates.append(Rate(month, sum(w.due for w in weeks), sum(w.done for w in weeks)))
            month = following
        return rates

    def _wanted(self, week: date) -> int:
        """Days to do in the week of a Monday; in the first one no more than are left."""
        left = min(7, (week + WEEK - self.schedule.start).days)
        return min(self.schedule.times_per_week or 0, left)

    def _rate(self, first: date, last: date) -> Rate:
        days = [first + n * DAY for n in range((last - first).days + 1)]
        days = [day for day in days if day >= self.schedule.start]
        if self.schedule.times_per_week is None:
            due = [day for day in days if self.schedule.is_due(day)]
            return Rate(first, len(due), len(self.done.intersection(due)))
        wanted = min(self.schedule.times_per_week, len(days))
        return Rate(first, wanted, min(wanted, len(self.done.intersection(days))))
