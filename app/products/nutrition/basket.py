"""The cheapest basket: whole packages, from one store or from several, at the least price.

Choosing packages of one ingredient is an unbounded covering knapsack: the cheapest multiset of
packages with at least the grams needed. Taking the best price per gram first is wrong: of 100 g
needed, 1 kg at 5.00 is dearer than 100 g at 0.90. `_cover` is A* search over the grams still needed
(Hart, Nilsson, Raphael, IEEE Trans Syst Sci Cybern 1968;4:100-107): its lower bound, the grams
left at the best price per gram, never falls by more than a package costs, so the first way that
reaches 0 is the cheapest. It visits each number of grams left at most once: at most
`need / gcd(sizes)` states with one step per package, and few of them in practice.

Choosing stores has no such order, so every choice of up to k of n stores is tried, the fewest
stores first; each ingredient is solved once per set of stores that sell it. A choice is given up
as soon as what it costs, with the rest at the least price of all stores, is not below the best.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush
from itertools import combinations
from math import gcd

# Packages tried, in about two seconds. Forty ingredients at ten stores take 33,000 to choose two
# stores, and up to 320,000 to choose four; tens of kilograms in odd sizes may take more.
MAX_STEPS = 500_000


class TooMuchWork(Exception):
    """The packages are too many to find the cheapest with certainty."""


@dataclass(frozen=True, order=True)
class Offer:
    """A package at a store: its grams, and its price in hundredths."""

    store: str
    grams: int
    amount: int


@dataclass(frozen=True)
class Purchase:
    """What to buy of one ingredient: the number of each package."""

    packages: Mapping[Offer, int]

    @property
    def amount(self) -> int:
        """Price, in hundredths."""
        return sum(offer.amount * count for offer, count in self.packages.items())

    @property
    def grams(self) -> int:
        """All grams in the packages."""
        return sum(offer.grams * count for offer, count in self.packages.items())


@dataclass(frozen=True)
class Basket:
    """What to buy at which stores; `missing` is what they do not sell."""

    stores: tuple[str, ...]
    purchases: Mapping[str, Purchase]
    missing: tuple[str, ...]

    @property
    def amount(self) -> int:
        """Price of all, in hundredths."""
        return sum(purchase.amount for purchase in self.purchases.values())


@dataclass
class Market:
    """The offers for what is needed; remembers what it solved.

    Attributes:
        needs: grams by ingredient, each at least 1.
        offers: the packages there are, by ingredient.
    """

    needs: Mapping[str, int]
    offers: Mapping[str, Sequence[Offer]]
    _sellers: dict[str, frozenset[str]] = field(init=False)
    _solved: dict[tuple[str, frozenset[str]], Purchase] = field(init=False, default_factory=dict)
    _steps: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._sellers = {
            name: frozenset(offer.store for offer in self.offers.get(name, ()))
            for name in sorted(self.needs)
        }

    @property
    def stores(self) -> list[str]:
        """All stores that sell something needed."""
        return sorted(frozenset().union(*self._sellers.values()))

    @property
    def unavailable(self) -> list[str]:
        """What no store sells."""
        return [name for name, sellers in self._sellers.items() if not sellers]

    def cheapest(self, most: int) -> Basket | None:
        """The basket that lacks the fewest ingredients, and of those the cheapest.

        Args:
            most: the number of stores to buy from at most; at equal price fewer are taken.

        Returns:
            None when no store sells anything needed.

        Raises:
            TooMuchWork: there are too many packages to be certain.
        """
        stores = self.stores
        everywhere = frozenset(stores)
        floors = {
            name: self._buy(name, everywhere).amount
            for name, sellers in self._sellers.items()
            if sellers
        }
        best: Basket | None = None
        for size in range(1, min(most, len(stores)) + 1):
            for chosen in combinations(stores, size):
                best = self._better(chosen, best, floors) or best
        return best

    def _better(
        self, chosen: tuple[str, ...], best: Basket | None, floors: Mapping[str, int]
    ) -> Basket | None:
        """The basket of these stores if it is better than the best one yet."""
        at = frozenset(chosen)
        missing = tuple(name for name, sellers in self._sellers.items() if not sellers & at)
        sold = [name for name, sellers in self._sellers.items() if sellers & at]
        limit = None
        if best is not None:
            if len(missing) > len(best.missing):
                return None
            if len(missing) == len(best.missing):
                limit = best.amount
        amount = sum(floors[name] for name in sold)
        purchases = {}
        for name in sold:
            if limit is not None and amount >= limit:
                return None
            purchases[name] = self._buy(name, at)
            amount += purchases[name].amount - floors[name]
        if limit is not None and amount >= limit:
            return None
        return Basket(chosen, purchases, missing)

    def _buy(self, name: str, stores: frozenset[str]) -> Purchase:
        key = name, stores & self._sellers[name]
        if key not in self._solved:
            offers = [offer for offer in self.offers[name] if offer.store in stores]
            self._solved[key] = self._cover(self.needs[name], offers)
        return self._solved[key]

    def _cover(self, need: int, offers: Sequence[Offer]) -> Purchase:
        useful = _undominated(offers)
        unit = gcd(*(offer.grams for offer in useful))
        best = min(useful, key=lambda offer: Fraction(offer.amount, offer.grams))
        size = best.grams // unit
        start = -(-need // unit)
        paid = {start: 0}
        came: dict[int, tuple[int, Offer]] = {}
        queue = [(0, start)]
        left = start
        closed: set[int] = set()
        while left:
            _, left = heappop(queue)
            if left in closed:
                continue
            closed.add(left)
            self._count(len(useful))
            for offer in useful:
                rest = max(0, left - offer.grams // unit)
                cost = paid[left] + offer.amount
                if cost < paid.get(rest, cost + 1):
                    paid[rest] = cost
                    came[rest] = left, offer
                    heappush(queue, (cost - (-rest * best.amount // size), rest))
        packages: dict[Offer, int] = {}
        while left != start:
            left, offer = came[left]
            packages[offer] = packages.get(offer, 0) + 1
        return Purchase(dict(sorted(packages.items())))

    def _count(self, tried: int) -> None:
        self._steps += tried
        if self._steps > MAX_STEPS:
            raise TooMuchWork


def _undominated(offers: Sequence[Offer]) -> list[Offer]:
    """The offers without those that another one beats: no dearer, and no smaller."""
    useful: list[Offer] = []
    for offer in sorted(offers, key=lambda item: (item.amount, -item.grams, item.store)):
        if not useful or offer.grams > useful[-1].grams:
            useful.append(offer)
    return useful
