"""The embedded engine: what readers of the same books liked, in SQL; it needs no network.

Similarity of books is the adjusted cosine of their ratings (Sarwar, Karypis, Konstan, Riedl:
Item-based collaborative filtering recommendation algorithms, WWW 2001, section 3.1.3), over those
who rated both, each rating less its reader's mean:

    cosine(i, j) = sum((r_ui - m_u) (r_uj - m_u)) / sqrt(sum((r_ui - m_u)^2) sum((r_uj - m_u)^2))

It is shrunk where few readers stand behind it, to n / (n + SHRINKAGE) of itself (Bell, Koren:
Scalable collaborative filtering with jointly derived neighborhood interpolation weights, ICDM 2007,
section 3). The table is made ahead of the requests, as of Linden, Smith, York: Amazon.com
recommendations, IEEE Internet Computing 7(1), 2003; the best NEIGHBOURS of each book are kept
(the model size of Sarwar et al., section 3.3).
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.extensions import db

SHRINKAGE = 5
NEIGHBOURS = 50
# Of one reader, the newest: their pairs grow with the square.
AUTHOR_RATINGS = 300
# The weight of what all readers think, in ratings: of a book's mean, and of a prediction.
PRIOR_RATINGS = 5
PRIOR_SIMILARITY = 0.5
# The mean of all ratings when there is none yet: the middle of the scale.
NO_MEAN = 3.0

_PATIENCE = text("SELECT set_config('statement_timeout', '10min', true)")
# One run at a time; readers go on with the old rows until the commit.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('book_similarities'))")
_CLEAR = text("DELETE FROM book_similarities")
_FILL = text("""
    INSERT INTO book_similarities (book_id, other_id, similarity, readers)
    WITH newest AS (
        SELECT book_id, author_id, rating, row_number() OVER (
            PARTITION BY author_id ORDER BY updated_at DESC, book_id
        ) AS place
        FROM book_reviews WHERE visible AND book_id = ANY (CAST(:books AS text[]))
    ), centered AS (
        SELECT book_id, author_id,
            rating - avg(rating) OVER (PARTITION BY author_id)::double precision AS value
        FROM newest WHERE place <= :author_ratings
    ), pairs AS (
        SELECT a.book_id, b.book_id AS other_id, count(*) AS readers,
            sum(a.value * b.value) / nullif(sqrt(sum(a.value ^ 2) * sum(b.value ^ 2)), 0) AS cosine
        FROM centered AS a JOIN centered AS b USING (author_id)
        WHERE a.book_id <> b.book_id
        GROUP BY 1, 2
    ), shrunk AS (
        -- A sum of rounded numbers may be a little above 1, or above 0 where it is none.
        SELECT book_id, other_id, readers,
            least(1, cosine) * readers / (readers + :shrinkage) AS similarity
        FROM pairs WHERE cosine > 1e-9
    ), ranked AS (
        SELECT *, row_number() OVER (
            PARTITION BY book_id ORDER BY similarity DESC, other_id
        ) AS place
        FROM shrunk
    )
    SELECT book_id, other_id, similarity, readers FROM ranked WHERE place <= :neighbours
""")

_RANK = text("""
    WITH everything AS (
        SELECT coalesce(sum(sum)::double precision / nullif(sum(count), 0), :no_mean) AS mean
        FROM book_ratings WHERE book_id = ANY (CAST(:books AS text[]))
    ), own AS (
        SELECT id, rating FROM user_reviews WHERE user_id = :user_id AND deleted_at IS NULL
    ), candidates AS (
        SELECT book AS book_id,
            (:prior_ratings * mean + coalesce(sum, 0)) / (:prior_ratings + coalesce(count, 0))
                AS average
        FROM unnest(CAST(:books AS text[])) AS book CROSS JOIN everything
        LEFT JOIN book_ratings ON book_ratings.book_id = book
        WHERE book NOT IN (SELECT id FROM own)
    ), neighbours AS (
        SELECT s.book_id, sum(s.similarity) AS weight, sum(s.similarity * own.rating) AS weighted,
            (array_agg(own.id ORDER BY s.similarity * (own.rating - 3) DESC, own.id)
                FILTER (WHERE own.rating > 3))[1] AS because
        FROM book_similarities AS s JOIN own ON own.id = s.other_id
        GROUP BY s.book_id
    )
    SELECT book_id,
        (:prior_similarity * average + coalesce(weighted, 0))
            / (:prior_similarity + coalesce(weight, 0)) AS score,
        because
    FROM candidates LEFT JOIN neighbours USING (book_id)
    ORDER BY score DESC, book_id LIMIT :limit
""")
_OWN = text(
    "SELECT id, rating FROM user_reviews WHERE user_id = :user_id AND deleted_at IS NULL "
    "ORDER BY updated_at DESC, id"
)


@dataclass(frozen=True)
class Pick:
    """A recommended book, the rating expected (1 to 5), and the user's book that led to it."""

    book_id: str
    score: float
    because: str | None


def refresh_similarities(books: list[str]) -> int:
    """Make the table of similar books anew, in one transaction.

    Args:
        books: ids of the books there are; a review may be of none of them.

    Returns:
        the number of its rows.
    """
    db.session.execute(_PATIENCE)
    db.session.execute(_LOCK)
    db.session.execute(_CLEAR)
    values = {
        "books": books,
        "author_ratings": AUTHOR_RATINGS,
        "shrinkage": SHRINKAGE,
        "neighbours": NEIGHBOURS,
    }
    made = db.session.connection().execute(_FILL, values).rowcount
    db.session.commit()
    return made


def rank(user_id: UUID, books: list[str], limit: int) -> list[Pick]:
    """The books that the user has not reviewed, the best first.

    The score is the weighted sum of the user's ratings of similar books (Sarwar et al., section
    3.2.1), with the book's Bayesian average as one more rating of the weight PRIOR_SIMILARITY:

        score(i) = (PRIOR_SIMILARITY b_i + sum(s_ij r_j)) / (PRIOR_SIMILARITY + sum(s_ij))
        b_i = (PRIOR_RATINGS mean + sum of its ratings) / (PRIOR_RATINGS + number of its ratings)

    So a book without similar ones, and every book for a new user, has its Bayesian average (Masum,
    Zhang: Manifesto for the reputation society, First Monday 9(7), 2004), which puts one lucky
    rating below many good ones.

    Args:
        user_id: the user, for whom the transaction acts.
        books: ids of the books there are.
        limit: books at most.
    """
    rows = db.session.execute(
        _RANK,
        {
            "user_id": user_id,
            "books": books,
            "limit": limit,
            "no_mean": NO_MEAN,
            "prior_ratings": PRIOR_RATINGS,
            "prior_similarity": PRIOR_SIMILARITY,
        },
    )
    return [Pick(row.book_id, round(row.score, 3), row.because) for row in rows]


def own_ratings(user_id: UUID) -> dict[str, int]:
    """The user's ratings by book, the last changed first, also of unpublished reviews."""
    rows = db.session.execute(_OWN, {"user_id": user_id})
    return {row.id: row.rating for row in rows}
