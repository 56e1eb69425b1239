"""A review that is written while its author leaves, or takes another name, follows them.

Revision ID: 0012
"""

from importlib import import_module

from alembic import op

revision = "0012"
down_revision = "0011"

FUNCTIONS = """
CREATE OR REPLACE FUNCTION name_review_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM review_authors WHERE user_id = NEW.user_id) THEN
        -- A change of the user waits for this lock, and then finds the author.
        INSERT INTO review_authors (user_id, name, leaving)
            SELECT id, name, deletion_requested_at IS NOT NULL
            FROM users WHERE id = NEW.user_id FOR SHARE
            ON CONFLICT DO NOTHING;
    END IF;
    SELECT author_id INTO NEW.author_id FROM review_authors WHERE user_id = NEW.user_id;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION publish_reviews() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- Authors before ratings, as follow_review_author() has it; what it changes meanwhile is read
    -- below, and what it comes to change later it finds.
    PERFORM FROM review_authors WHERE author_id IN (SELECT author_id FROM changed)
        ORDER BY author_id FOR SHARE;
    PERFORM lock_ratings(ARRAY(SELECT id FROM changed));
    IF TG_OP = 'DELETE' THEN
        DELETE FROM book_reviews USING changed
            WHERE book_id = changed.id AND book_reviews.author_id = changed.author_id;
        RETURN NULL;
    END IF;
    DELETE FROM book_reviews USING changed
        WHERE book_id = changed.id AND book_reviews.author_id = changed.author_id
        AND (changed.deleted_at IS NOT NULL OR NOT changed.published);
    INSERT INTO book_reviews AS shown (book_id, author_id, author_name, rating, title, text,
            language, spoiler, created_at, updated_at, hidden_at, hidden_reason, leaving)
        SELECT id, author_id, name, rating, title, text, language, spoiler, created_at,
            updated_at, hidden_at, hidden_reason, leaving
        FROM changed JOIN review_authors USING (author_id)
        WHERE deleted_at IS NULL AND published
        ON CONFLICT (book_id, author_id) DO UPDATE SET
            author_name = excluded.author_name, leaving = excluded.leaving,
            rating = excluded.rating, title = excluded.title, text = excluded.text,
            language = excluded.language, spoiler = excluded.spoiler,
            updated_at = excluded.updated_at, hidden_at = excluded.hidden_at,
            hidden_reason = excluded.hidden_reason
        -- A change of the private notes alone shows nowhere.
        WHERE (shown.author_name, shown.leaving, shown.rating, shown.title, shown.text,
               shown.language, shown.spoiler, shown.hidden_at, shown.hidden_reason)
            IS DISTINCT FROM (excluded.author_name, excluded.leaving, excluded.rating,
               excluded.title, excluded.text, excluded.language, excluded.spoiler,
               excluded.hidden_at, excluded.hidden_reason);
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)


def downgrade() -> None:
    before = import_module("migrations.versions.0011_reviews").FUNCTIONS
    op.execute(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
