"""Accounts, the revision counter of sync, and the habits product.

Revision ID: 0001
"""

from alembic import op

from migrations.ddl import feed, own

revision = "0001"
down_revision = None

CORE = """
CREATE FUNCTION app_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

CREATE FUNCTION app_scope() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(current_setting('app.scope', true), '') $$;

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL CHECK (email = lower(email) AND length(email) <= 254),
    name text NOT NULL CHECK (length(name) <= 200),
    password_hash text NOT NULL,
    role text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    time_zone text NOT NULL DEFAULT 'UTC',
    locale text NOT NULL DEFAULT 'en',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (email);

CREATE TABLE devices (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) <= 200),
    user_agent text NOT NULL DEFAULT '',
    refresh_hash bytea NOT NULL,
    sibling_hashes bytea[] NOT NULL DEFAULT '{}',
    parent_hash bytea,
    rotated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text
);
CREATE INDEX devices_active ON devices (user_id, last_seen_at DESC) WHERE revoked_at IS NULL;

CREATE TABLE sync_state (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    rev bigint NOT NULL DEFAULT 0,
    purge_floor bigint NOT NULL DEFAULT 0
);

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Stamps the next revision of the row's user under the lock of that user's counter row, so that
-- revisions become visible in the order in which they were given. A row that did not change keeps
-- its revision: a replayed request stays silent.
CREATE FUNCTION stamp_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.user_id <> OLD.user_id OR NEW.id <> OLD.id THEN
            RAISE EXCEPTION 'the owner and id of a row cannot change' USING ERRCODE = '23514';
        END IF;
        NEW.rev := OLD.rev;
        NEW.created_at := OLD.created_at;
        NEW.updated_at := OLD.updated_at;
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    INSERT INTO sync_state AS s (user_id, rev) VALUES (NEW.user_id, 1)
    ON CONFLICT (user_id) DO UPDATE SET rev = s.rev + 1
    RETURNING s.rev INTO NEW.rev;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
"""

HABITS = """
CREATE TABLE user_habits (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description text NOT NULL DEFAULT '' CHECK (length(description) <= 2000),
    schedule text NOT NULL CHECK (schedule IN ('daily', 'weekdays', 'weekly')),
    weekdays smallint[],
    times_per_week smallint,
    start_date date NOT NULL,
    active boolean NOT NULL,
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id),
    CHECK ((schedule = 'weekdays') = (weekdays IS NOT NULL)),
    CHECK ((schedule = 'weekly') = (times_per_week IS NOT NULL)),
    CHECK (times_per_week BETWEEN 1 AND 7),
    CHECK (cardinality(weekdays) BETWEEN 1 AND 7 AND weekdays <@ '{1,2,3,4,5,6,7}')
);
CREATE INDEX user_habits_feed ON user_habits (user_id, rev, id);
CREATE INDEX user_habits_active ON user_habits (user_id, id) WHERE active AND deleted_at IS NULL;

CREATE TABLE user_progress (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) <= 80),
    habit_id text NOT NULL,
    date date NOT NULL,
    completed boolean NOT NULL,
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
    streak integer NOT NULL DEFAULT 0,
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, habit_id, date),
    FOREIGN KEY (user_id, habit_id) REFERENCES user_habits (user_id, id) ON DELETE CASCADE
);
CREATE INDEX user_progress_feed ON user_progress (user_id, rev, id);
CREATE INDEX user_progress_by_date ON user_progress (user_id, date)
    INCLUDE (habit_id, completed, streak) WHERE deleted_at IS NULL;
"""


GRANTS = """
GRANT USAGE ON SCHEMA public TO fivebox_app, fivebox_analyst;
GRANT SELECT ON alembic_version TO fivebox_app;
GRANT SELECT (id, role, time_zone, locale, created_at) ON users TO fivebox_analyst;
GRANT SELECT (id, user_id, created_at, last_seen_at, revoked_at) ON devices TO fivebox_analyst;
GRANT SELECT ON sync_state TO fivebox_analyst;
GRANT SELECT (user_id, id, schedule, weekdays, times_per_week, start_date, active, created_at,
              deleted_at) ON user_habits TO fivebox_analyst;
GRANT SELECT (user_id, id, habit_id, date, completed, streak, created_at, deleted_at)
    ON user_progress TO fivebox_analyst;
"""


def upgrade() -> None:
    op.execute(CORE)
    op.execute(HABITS)
    op.execute(own("users", owner="id", accounts=True))
    op.execute(own("devices", accounts=True))
    op.execute(own("sync_state"))
    for table in ("user_habits", "user_progress"):
        op.execute(own(table))
        op.execute(feed(table))
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP TABLE user_progress, user_habits, sync_state, devices, users")
    op.execute("DROP FUNCTION stamp_revision(), touch_updated_at(), app_scope(), app_user_id()")
