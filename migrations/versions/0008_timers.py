"""Timers: countdowns that the client encrypts, and the wrapped keys of their owners.

Revision ID: 0008
"""

from alembic import op

from migrations.ddl import analyze, feed, own, tell

revision = "0008"
down_revision = "0007"

KEYS = """
CREATE TABLE user_timer_keys (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    kdf text NOT NULL CHECK (kdf IN ('argon2id')),
    salt bytea NOT NULL CHECK (length(salt) BETWEEN 16 AND 64),
    memory_kib bigint NOT NULL CHECK (memory_kib BETWEEN 19456 AND 1048576),
    iterations bigint NOT NULL CHECK (iterations BETWEEN 2 AND 100),
    parallelism bigint NOT NULL CHECK (parallelism BETWEEN 1 AND 16),
    algorithm text NOT NULL CHECK (algorithm IN ('AES-256-GCM', 'ChaCha20-Poly1305')),
    nonce bytea NOT NULL CHECK (length(nonce) = 12),
    wrapped_key bytea NOT NULL CHECK (length(wrapped_key) = 48),
    current boolean NOT NULL,
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX user_timer_keys_feed ON user_timer_keys (user_id, rev, id);
CREATE UNIQUE INDEX user_timer_keys_current ON user_timer_keys (user_id) WHERE current;
"""

# The key is checked at the commit, so that a push of many rows can first be checked as a whole.
TIMERS = """
CREATE TABLE user_timers (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    due_at timestamptz NOT NULL,
    time_zone text CHECK (length(time_zone) <= 64),
    all_day boolean NOT NULL,
    finished boolean NOT NULL,
    key_id text NOT NULL,
    algorithm text NOT NULL CHECK (algorithm IN ('AES-256-GCM', 'ChaCha20-Poly1305')),
    nonce bytea NOT NULL CHECK (length(nonce) = 12),
    ciphertext bytea NOT NULL CHECK (length(ciphertext) BETWEEN 16 AND 16384),
    rev bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (user_id, id),
    CHECK (time_zone IS NOT NULL OR NOT all_day),
    CONSTRAINT user_timers_key FOREIGN KEY (user_id, key_id)
        REFERENCES user_timer_keys (user_id, id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX user_timers_feed ON user_timers (user_id, rev, id);
CREATE INDEX user_timers_by_due ON user_timers (user_id, due_at, id) WHERE deleted_at IS NULL;
"""

# Every nonce a key was ever used with, also those of payloads that were replaced since: whoever
# has two payloads of one key and nonce can read the difference of their texts, and forge others.
NONCES = """
CREATE TABLE timer_nonces (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    key_id text NOT NULL,
    nonce bytea NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (user_id, key_id, nonce),
    FOREIGN KEY (user_id, key_id) REFERENCES user_timer_keys (user_id, id) ON DELETE CASCADE
);

CREATE FUNCTION claim_timer_nonce(owner uuid, used_key text, used_nonce bytea, content bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timer_nonces (user_id, key_id, nonce, digest)
    VALUES (owner, used_key, used_nonce, sha256(content)) ON CONFLICT DO NOTHING;
    RETURN EXISTS (
        SELECT FROM timer_nonces WHERE user_id = owner AND key_id = used_key
            AND nonce = used_nonce AND digest = sha256(content)
    );
END $$;

CREATE FUNCTION claim_nonce_of_timer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT claim_timer_nonce(NEW.user_id, NEW.key_id, NEW.nonce, NEW.ciphertext) THEN
        RAISE EXCEPTION 'the nonce was used with this key for another ciphertext'
            USING ERRCODE = '23505', CONSTRAINT = 'timer_nonces_pkey', TABLE = 'timer_nonces';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER user_timers_nonce
    AFTER INSERT OR UPDATE OF key_id, nonce, ciphertext ON user_timers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION claim_nonce_of_timer();
"""

# When something is due stays out of the views: it is of a person's life.
VIEWS = (
    ("timers", "user_timers", "all_day, finished, created_at, deleted_at"),
    (
        "timer_keys",
        "user_timer_keys",
        "memory_kib, iterations, parallelism, current, created_at, deleted_at",
    ),
)


def upgrade() -> None:
    op.execute(KEYS)
    op.execute(TIMERS)
    op.execute(NONCES)
    for table in ("user_timer_keys", "user_timers"):
        op.execute(own(table))
        op.execute(feed(table))
        op.execute(tell(table))
    op.execute(own("timer_nonces"))
    for view, table, columns in VIEWS:
        op.execute(analyze(view, table, columns))


def downgrade() -> None:
    op.execute("DROP VIEW analytics.timers, analytics.timer_keys")
    op.execute("DROP TABLE user_timers, timer_nonces, user_timer_keys")
    op.execute("DROP FUNCTION claim_nonce_of_timer(), claim_timer_nonce(uuid, text, bytea, bytea)")
