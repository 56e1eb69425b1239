"""Series in the notation of `promtool test rules`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Labels = dict[str, str]
# None where there is no value.
Value = float | None


@dataclass
class Series:
    """One series, with a value a minute."""

    name: str
    labels: Labels
    values: list[Value]

    def text(self) -> dict[str, str]:
        """As promtool takes it."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return {"series": f"{self.name}{{{labels}}}", "values": " ".join(_runs(self.values))}


def gauge(minutes: int, value: Callable[[int], Value]) -> list[Value]:
    """The values of so many minutes, each by itself."""
    return [value(at) for at in range(minutes)]


def counter(
    minutes: int, grows: Callable[[int], float], begin: float, lives: range | None = None
) -> list[Value]:
    """Values that add up.

    Args:
        minutes: how many.
        grows: by how much in a minute.
        begin: the first of them.
        lives: when there is a process that counts; always without it.
    """
    values: list[Value] = []
    for at in range(minutes):
        alive = lives is None or at in lives
        if alive:
            begin += grows(at)
        values.append(round(begin, 6) if alive else None)
    return values


def _runs(values: list[Value]) -> Iterator[str]:
    """Equal steps together: 3+2x4 is 3, 5, 7, 9, 11."""
    at = 0
    while at < len(values):
        first, end = values[at], at + 1
        if first is None:
            # What ends is told so, as by a reading without it; what has not begun is not.
            yield "stale" if at else "_"
            while end < len(values) and values[end] is None:
                end += 1
            if end - at > 1:
                yield f"_x{end - at - 1}"
        else:
            second = values[end] if end < len(values) else None
            step = 0.0 if second is None else round(second - first, 6)
            while end < len(values) and _continues(first + step * (end - at), values[end]):
                end += 1
            yield f"{first:.12g}{step:+.12g}x{end - at - 1}" if end - at > 1 else f"{first:.12g}"
        at = end


def _continues(expected: float, value: Value) -> bool:
    return value is not None and abs(value - expected) < 1e-6
