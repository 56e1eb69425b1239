"""Files of the users: what is known of them; their bytes are in the object storage.

Revision ID: 0005
"""

from alembic import op

from migrations.ddl import feed, own, tell

revision = "0005"
down_revision = "0004"

FILES = """
CREATE TABLE user_files (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    purpose text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 64),
    content_type text NOT NULL CHECK (length(content_type) BETWEEN 3 AND 100),
    size bigint NOT NULL CHECK (size > 0),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    object_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'stored')),
    stored_at timestamptz,
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id),
    CHECK ((state = 'stored') = (stored_at IS NOT NULL))
);
CREATE INDEX user_files_feed ON user_files (user_id, rev, id);
CREATE INDEX user_files_by_purpose ON user_files (user_id, purpose, id) INCLUDE (size)
    WHERE deleted_at IS NULL;
GRANT SELECT (user_id, purpose, content_type, size, state, stored_at, created_at, deleted_at)
    ON user_files TO fivebox_analyst;
"""


def upgrade() -> None:
    op.execute(FILES)
    op.execute(own("user_files"))
    op.execute(feed("user_files"))
    op.execute(tell("user_files"))


def downgrade() -> None:
    op.execute("DROP TABLE user_files")
