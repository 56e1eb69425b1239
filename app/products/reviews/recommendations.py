"""Recommendations: by the provider where it answers, else by the embedded engine."""

from typing import Any

from app.accounts.models import User
from app.extensions import db
from app.products.reviews import books, embedded, provider
from app.products.reviews.chat import Question
from app.products.reviews.embedded import Pick
from app.products.reviews.metrics import RECOMMENDATIONS

# The provider chooses among the best of the embedded engine, so that its answer stays affordable.
CANDIDATES = 100
RATED = 100


def recommend(user: User, limit: int) -> dict[str, Any]:
    """Books that the user has not reviewed, the best first, each with its reason.

    Args:
        user: for whom; the titles are in the language of the profile.
        limit: books at most.
    """
    titles = books.titles(user.locale)
    picks = embedded.rank(user.id, list(titles), max(limit, CANDIDATES))
    ratings = embedded.own_ratings(user.id)
    # The connection goes back to the pool before any wait.
    db.session.rollback()
    chosen = _ask(picks, titles, ratings, limit)
    RECOMMENDATIONS.labels("provider" if chosen else "embedded").inc()
    known = {pick.book_id for pick in chosen}
    filled = [*chosen, *(pick for pick in picks if pick.book_id not in known)]
    return {
        "engine": "provider" if chosen else "embedded",
        "items": [_show(pick, titles, ratings) for pick in filled[:limit]],
    }


def _ask(
    picks: list[Pick], titles: dict[str, str], ratings: dict[str, int], limit: int
) -> list[Pick]:
    # The last changed: a book that is taken away has no title.
    rated = [(book, titles[book], rating) for book, rating in ratings.items() if book in titles]
    if not rated or not picks:
        return []
    candidates = tuple((pick.book_id, titles[pick.book_id]) for pick in picks)
    choices = provider.ask(Question(tuple(rated[:RATED]), candidates, limit))
    return [Pick(choice.id, choice.score, choice.because) for choice in choices or []]


def _show(pick: Pick, titles: dict[str, str], ratings: dict[str, int]) -> dict[str, Any]:
    because = None
    explanation = "Readers rate it well."
    # The review may have been deleted after the ranking.
    if pick.because in titles and pick.because in ratings:
        rating = ratings[pick.because]
        because = {"book_id": pick.because, "title": titles[pick.because], "rating": rating}
        explanation = f"Because you rated {titles[pick.because]} with {rating} of 5."
    return {
        "book_id": pick.book_id,
        "title": titles[pick.book_id],
        "score": pick.score,
        "because": because,
        "explanation": explanation,
    }
