"""One revision for each transaction, and the record of who synced when.

Revision ID: 0007
"""

from alembic import op

from migrations.ddl import analyze, own

revision = "0007"
down_revision = "0006"

# Replaced, not changed: the release before works with either.
REVISION_OF_TRANSACTION = """
-- Stamps the revision of this transaction on the rows that it changes. The first one takes the next
-- number of the row's user under the lock of that user's counter row, so that revisions become
-- visible in the order in which they were given; the setting app.rev, which ends with the
-- transaction (and with a savepoint that is rolled back, as the number does), keeps it for the
-- others: thousands of rows must not update one counter thousands of times. A row that did not
-- change keeps its revision: a replayed request stays silent.
CREATE OR REPLACE FUNCTION stamp_revision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner text := NEW.user_id::text;
    taken text := current_setting('app.rev', true);
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
    IF split_part(taken, ':', 1) = owner THEN
        NEW.rev := split_part(taken, ':', 2);
    ELSE
        INSERT INTO sync_state AS s (user_id, rev) VALUES (NEW.user_id, 1)
        ON CONFLICT (user_id) DO UPDATE SET rev = s.rev + 1
        RETURNING s.rev INTO NEW.rev;
        PERFORM set_config('app.rev', owner || ':' || NEW.rev, true);
    END IF;
    NEW.updated_at := clock_timestamp();
    IF TG_OP = 'INSERT' THEN
        NEW.created_at := NEW.updated_at;
    END IF;
    RETURN NEW;
END $$;
"""

REVISION_OF_ROW = """
CREATE OR REPLACE FUNCTION stamp_revision() RETURNS trigger LANGUAGE plpgsql AS $$
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

# Readers and writers find a counter of every user. Accounts are made in the scope "accounts".
COUNTERS = """
CREATE POLICY begin ON sync_state FOR INSERT WITH CHECK ((SELECT app_scope()) = 'accounts');
CREATE FUNCTION begin_feed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sync_state (user_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
SELECT set_config('app.scope', 'accounts', true);
INSERT INTO sync_state (user_id) SELECT id FROM users ON CONFLICT DO NOTHING;
CREATE TRIGGER users_begin_feed AFTER INSERT ON users
    FOR EACH ROW EXECUTE FUNCTION begin_feed();
"""

SESSIONS = """
CREATE TABLE sync_sessions (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    device_id uuid NOT NULL REFERENCES devices ON DELETE CASCADE,
    client text NOT NULL CHECK (client IN ('rxdb', 'watermelondb')),
    hour timestamptz NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    rev bigint NOT NULL,
    rounds bigint NOT NULL,
    rows_pulled bigint NOT NULL,
    rows_pushed bigint NOT NULL,
    conflicts bigint NOT NULL,
    PRIMARY KEY (user_id, device_id, client, hour)
);
CREATE INDEX sync_sessions_of_device ON sync_sessions (device_id, last_at DESC);
CREATE INDEX sync_sessions_page ON sync_sessions (user_id, last_at, device_id, client);
"""

COLUMNS = "client, hour, rounds, rows_pulled, rows_pushed, conflicts"


def upgrade() -> None:
    op.execute(REVISION_OF_TRANSACTION)
    op.execute(COUNTERS)
    op.execute(SESSIONS)
    op.execute(own("sync_sessions"))
    op.execute(analyze("sync_sessions", "sync_sessions", COLUMNS))


def downgrade() -> None:
    op.execute("DROP VIEW analytics.sync_sessions")
    op.execute("DROP TABLE sync_sessions")
    op.execute("DROP FUNCTION begin_feed() CASCADE")
    op.execute("DROP POLICY begin ON sync_state")
    op.execute(REVISION_OF_ROW)
