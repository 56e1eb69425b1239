"""Content: public documents in collections, with all their versions.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE content_documents (
    collection text NOT NULL CHECK (collection ~ '^[a-z][a-z0-9_]{0,49}$'),
    id text NOT NULL CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,99}$'),
    version bigint NOT NULL,
    origin text NOT NULL CHECK (origin IN ('seed', 'local', 'upstream')),
    tags text[] NOT NULL,
    data jsonb NOT NULL,
    words text[] NOT NULL,
    published boolean NOT NULL,
    published_from timestamptz,
    published_until timestamptz,
    changed_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (collection, id),
    CHECK (published_until > published_from)
);
CREATE INDEX content_documents_live ON content_documents (collection, id)
    WHERE published AND deleted_at IS NULL;
CREATE INDEX content_documents_tags ON content_documents USING gin (tags)
    WHERE published AND deleted_at IS NULL;
-- The words are made by the API, of titles in all languages: no parser of the server splits them.
CREATE INDEX content_documents_words ON content_documents USING gin (array_to_tsvector(words))
    WHERE published AND deleted_at IS NULL;

CREATE TABLE content_versions (
    collection text NOT NULL,
    id text NOT NULL,
    version bigint NOT NULL,
    origin text NOT NULL,
    tags text[] NOT NULL,
    data jsonb NOT NULL,
    published boolean NOT NULL,
    published_from timestamptz,
    published_until timestamptz,
    deleted boolean NOT NULL,
    changed_by uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (collection, id, version)
);

CREATE TABLE content_sources (
    collection text PRIMARY KEY,
    url text,
    etag text,
    fetched_at timestamptz,
    next_fetch_at timestamptz NOT NULL,
    error text
);

-- Numbers the versions and keeps each one. A document that did not change keeps its version: a
-- replayed write stays silent.
CREATE FUNCTION stamp_content_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := 1;
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version;
        NEW.created_at := OLD.created_at;
        NEW.updated_at := OLD.updated_at;
        NEW.changed_by := OLD.changed_by;
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        NEW.version := OLD.version + 1;
    END IF;
    NEW.updated_at := clock_timestamp();
    NEW.changed_by := app_user_id();
    INSERT INTO content_versions (collection, id, version, origin, tags, data, published,
        published_from, published_until, deleted, changed_by, created_at)
    VALUES (NEW.collection, NEW.id, NEW.version, NEW.origin, NEW.tags, NEW.data, NEW.published,
        NEW.published_from, NEW.published_until, NEW.deleted_at IS NOT NULL, NEW.changed_by,
        NEW.updated_at);
    RETURN NEW;
END $$;
CREATE TRIGGER content_documents_version BEFORE INSERT OR UPDATE ON content_documents
    FOR EACH ROW EXECUTE FUNCTION stamp_content_version();
"""

TABLE_NAMES = ("content_documents", "content_versions", "content_sources")


def _publish(table: str) -> str:
    """SQL that lets everybody read a table, and only the scope "content" write it."""
    scope = "(SELECT app_scope()) = 'content'"
    return f"""
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
    CREATE POLICY public_read ON {table} FOR SELECT USING (true);
    CREATE POLICY content_insert ON {table} FOR INSERT WITH CHECK ({scope});
    CREATE POLICY content_update ON {table} FOR UPDATE USING ({scope}) WITH CHECK ({scope});
    GRANT SELECT, INSERT ON {table} TO fivebox_app;
    GRANT SELECT ON {table} TO fivebox_analyst;
    """


def upgrade() -> None:
    op.execute(TABLES)
    for table in TABLE_NAMES:
        op.execute(_publish(table))
    # Nothing is ever removed, and a kept version never changes.
    op.execute("GRANT UPDATE ON content_documents, content_sources TO fivebox_app")


def downgrade() -> None:
    op.execute("DROP TABLE content_versions, content_documents, content_sources")
    op.execute("DROP FUNCTION stamp_content_version()")
