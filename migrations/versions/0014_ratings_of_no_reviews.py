"""Counting ratings anew forgets the books that nobody rates, such as an id that is no book.

Revision ID: 0014
"""

from importlib import import_module

from alembic import op

revision = "0014"
down_revision = "0013"

FUNCTIONS = """
-- One by one, in one order: what is deleted while a writer waits for it is made anew before
-- the next is locked, so no two wait for each other in a circle.
CREATE OR REPLACE FUNCTION lock_ratings(books text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    book text;
BEGIN
    FOR book IN SELECT DISTINCT wanted FROM unnest(books) AS wanted ORDER BY wanted LOOP
        LOOP
            PERFORM FROM book_ratings WHERE book_id = book FOR UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO book_ratings (book_id) VALUES (book) ON CONFLICT DO NOTHING;
        END LOOP;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION recount_rating(book text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    drifted boolean;
BEGIN
    PERFORM lock_ratings(ARRAY[book]);
    WITH found AS (
        SELECT count(*) AS count, coalesce(sum(rating), 0) AS sum,
            ARRAY[count(*) FILTER (WHERE rating = 1), count(*) FILTER (WHERE rating = 2),
                  count(*) FILTER (WHERE rating = 3), count(*) FILTER (WHERE rating = 4),
                  count(*) FILTER (WHERE rating = 5)] AS histogram
        FROM book_reviews WHERE book_id = book AND visible
    )
    UPDATE book_ratings AS kept
        SET count = found.count, sum = found.sum, histogram = found.histogram
        FROM found WHERE kept.book_id = book
        AND (kept.count, kept.sum, kept.histogram)
            IS DISTINCT FROM (found.count, found.sum::bigint, found.histogram);
    drifted := FOUND;
    DELETE FROM book_ratings WHERE book_id = book AND count = 0;
    RETURN drifted;
END $$;
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)


def downgrade() -> None:
    before: str = import_module("migrations.versions.0011_reviews").FUNCTIONS
    for name in ("lock_ratings", "recount_rating"):
        start = before.index(f"CREATE FUNCTION {name}")
        body = before[start : before.index("END $$;", start)]
        op.execute(body.replace("CREATE", "CREATE OR REPLACE", 1) + "END $$;")
