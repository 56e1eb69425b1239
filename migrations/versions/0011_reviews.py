"""Reviews of books: owned rows, what the public sees of them, ratings, and similar books.

Revision ID: 0011
"""

from alembic import op

from migrations.ddl import analyze, feed, own, tell

revision = "0011"
down_revision = "0010"

TABLES = """
-- Under which id and name the public knows an author. The id is random: nothing leads back.
CREATE TABLE review_authors (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    author_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    name text NOT NULL,
    leaving boolean NOT NULL DEFAULT false
);

CREATE TABLE user_reviews (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    author_id uuid NOT NULL,
    rating bigint NOT NULL CHECK (rating BETWEEN 1 AND 5),
    title text NOT NULL CHECK (length(title) <= 200),
    text text NOT NULL CHECK (length(text) <= 10000),
    language text NOT NULL CHECK (length(language) <= 35),
    spoiler boolean NOT NULL,
    published boolean NOT NULL,
    notes text NOT NULL CHECK (length(notes) <= 2000),
    hidden_at timestamptz,
    hidden_reason text,
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id),
    CHECK ((hidden_at IS NULL) = (hidden_reason IS NULL))
);
CREATE INDEX user_reviews_feed ON user_reviews (user_id, rev, id);

CREATE TABLE user_review_reports (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) <= 101),
    book_id text NOT NULL,
    author_id uuid NOT NULL,
    reason text NOT NULL CHECK (length(reason) <= 20),
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id),
    CHECK (id = book_id || ':' || author_id)
);
CREATE INDEX user_review_reports_feed ON user_review_reports (user_id, rev, id);
CREATE INDEX user_review_reports_by_review ON user_review_reports (book_id, author_id)
    WHERE deleted_at IS NULL;

-- The public's copy of published reviews. It has no column that is private, so no query over it can
-- show one; triggers alone write it.
CREATE TABLE book_reviews (
    book_id text NOT NULL,
    author_id uuid NOT NULL REFERENCES review_authors (author_id) ON DELETE CASCADE,
    author_name text NOT NULL,
    rating bigint NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    language text NOT NULL,
    spoiler boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    hidden_at timestamptz,
    hidden_reason text,
    leaving boolean NOT NULL,
    visible boolean NOT NULL GENERATED ALWAYS AS (hidden_at IS NULL AND NOT leaving) STORED,
    PRIMARY KEY (book_id, author_id)
);
CREATE INDEX book_reviews_newest
    ON book_reviews (book_id, created_at DESC, author_id DESC) WHERE visible;
CREATE INDEX book_reviews_highest
    ON book_reviews (book_id, rating DESC, created_at DESC, author_id DESC) WHERE visible;
CREATE INDEX book_reviews_by_author ON book_reviews (author_id);

CREATE TABLE book_ratings (
    book_id text PRIMARY KEY,
    count bigint NOT NULL DEFAULT 0 CHECK (count >= 0),
    sum bigint NOT NULL DEFAULT 0 CHECK (sum >= 0),
    histogram bigint[] NOT NULL DEFAULT '{0,0,0,0,0}' CHECK (cardinality(histogram) = 5)
);

CREATE TABLE book_similarities (
    book_id text NOT NULL,
    other_id text NOT NULL,
    similarity double precision NOT NULL CHECK (similarity > 0 AND similarity <= 1),
    readers bigint NOT NULL,
    PRIMARY KEY (book_id, other_id)
);
GRANT SELECT ON book_reviews, book_ratings TO fivebox_app;
GRANT SELECT, INSERT, DELETE ON book_similarities TO fivebox_app;
"""

FUNCTIONS = """
CREATE FUNCTION name_review_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO review_authors (user_id, name, leaving)
        SELECT id, name, deletion_requested_at IS NOT NULL FROM users WHERE id = NEW.user_id
        ON CONFLICT DO NOTHING;
    SELECT author_id INTO NEW.author_id FROM review_authors WHERE user_id = NEW.user_id;
    RETURN NEW;
END $$;

-- Takes the locks of some books' ratings in one order, whoever comes: no two writers wait for each
-- other in a circle.
CREATE FUNCTION lock_ratings(books text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO book_ratings (book_id)
        SELECT DISTINCT book FROM unnest(books) AS book ORDER BY book ON CONFLICT DO NOTHING;
    PERFORM FROM book_ratings WHERE book_id = ANY (books) ORDER BY book_id FOR UPDATE;
END $$;

CREATE FUNCTION publish_reviews() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
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
            rating = excluded.rating, title = excluded.title, text = excluded.text,
            language = excluded.language, spoiler = excluded.spoiler,
            updated_at = excluded.updated_at, hidden_at = excluded.hidden_at,
            hidden_reason = excluded.hidden_reason
        -- A change of the private notes alone shows nowhere.
        WHERE (shown.rating, shown.title, shown.text, shown.language, shown.spoiler,
               shown.hidden_at, shown.hidden_reason)
            IS DISTINCT FROM (excluded.rating, excluded.title, excluded.text, excluded.language,
               excluded.spoiler, excluded.hidden_at, excluded.hidden_reason);
    RETURN NULL;
END $$;

CREATE FUNCTION count_rating() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.visible THEN
        UPDATE book_ratings SET count = count - 1, sum = sum - OLD.rating,
            histogram[OLD.rating] = histogram[OLD.rating] - 1
        WHERE book_id = OLD.book_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.visible THEN
        UPDATE book_ratings SET count = count + 1, sum = sum + NEW.rating,
            histogram[NEW.rating] = histogram[NEW.rating] + 1
        WHERE book_id = NEW.book_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION follow_review_author() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    author uuid;
BEGIN
    UPDATE review_authors SET name = NEW.name, leaving = NEW.deletion_requested_at IS NOT NULL
        WHERE user_id = NEW.id RETURNING author_id INTO author;
    IF author IS NOT NULL THEN
        PERFORM lock_ratings(ARRAY(SELECT book_id FROM book_reviews WHERE author_id = author));
        UPDATE book_reviews
            SET author_name = NEW.name, leaving = NEW.deletion_requested_at IS NOT NULL
            WHERE author_id = author;
    END IF;
    RETURN NULL;
END $$;

-- Counts a book's ratings anew, and tells whether that changed anything. Writers change a review
-- first and its count under the row's lock, so one that is under way is counted here or by itself.
CREATE FUNCTION recount_rating(book text) RETURNS boolean
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
    RETURN drifted;
END $$;
REVOKE EXECUTE ON FUNCTION lock_ratings(text[]), recount_rating(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recount_rating(text) TO fivebox_app;
"""

TRIGGERS = """
CREATE TRIGGER user_reviews_author BEFORE INSERT OR UPDATE ON user_reviews
    FOR EACH ROW EXECUTE FUNCTION name_review_author();
CREATE TRIGGER user_reviews_publish_new AFTER INSERT ON user_reviews
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION publish_reviews();
CREATE TRIGGER user_reviews_publish_changed AFTER UPDATE ON user_reviews
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION publish_reviews();
CREATE TRIGGER user_reviews_publish_gone AFTER DELETE ON user_reviews
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION publish_reviews();
CREATE TRIGGER book_reviews_count AFTER INSERT OR DELETE ON book_reviews
    FOR EACH ROW EXECUTE FUNCTION count_rating();
CREATE TRIGGER book_reviews_count_changed AFTER UPDATE ON book_reviews
    FOR EACH ROW WHEN (OLD.rating <> NEW.rating OR OLD.visible <> NEW.visible)
    EXECUTE FUNCTION count_rating();
CREATE TRIGGER users_review_author AFTER UPDATE OF name, deletion_requested_at ON users
    FOR EACH ROW EXECUTE FUNCTION follow_review_author();
"""

# The owner's functions write for everybody; no view reads these two tables. The scope "moderation"
# is of administrators, who hide reviews.
POLICIES = """
CREATE POLICY keep ON review_authors TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY moderation ON review_authors FOR SELECT TO fivebox_app
    USING ((SELECT app_scope()) = 'moderation');
CREATE POLICY moderation ON user_review_reports FOR SELECT TO fivebox_app
    USING ((SELECT app_scope()) = 'moderation');

ALTER TABLE book_reviews ENABLE ROW LEVEL SECURITY;
ALTER TABLE book_reviews FORCE ROW LEVEL SECURITY;
CREATE POLICY keep ON book_reviews TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY public_read ON book_reviews FOR SELECT TO fivebox_app
    USING (visible OR (SELECT app_scope()) = 'moderation');
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    for table in ("review_authors", "user_reviews", "user_review_reports"):
        op.execute(own(table))
    for table in ("user_reviews", "user_review_reports"):
        op.execute(feed(table))
        op.execute(tell(table))
    op.execute(TRIGGERS)
    op.execute(POLICIES)
    op.execute(
        analyze(
            "reviews",
            "user_reviews",
            "id AS book, rating, language, spoiler, published, hidden_at, created_at, deleted_at",
        )
    )


def downgrade() -> None:
    op.execute("DROP VIEW analytics.reviews")
    op.execute("DROP TRIGGER users_review_author ON users")
    op.execute(
        "DROP TABLE book_similarities, book_ratings, book_reviews, user_review_reports, "
        "user_reviews, review_authors"
    )
    op.execute(
        "DROP FUNCTION recount_rating(text), follow_review_author(), count_rating(), "
        "publish_reviews(), lock_ratings(text[]), name_review_author()"
    )
