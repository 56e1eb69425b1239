"""Mail outbox, tokens sent by mail, verified addresses, and the second factor.

Revision ID: 0002
"""

from alembic import op

from migrations.ddl import own

revision = "0002"
down_revision = "0001"

TABLES = """
ALTER TABLE users ADD COLUMN email_verified_at timestamptz;

CREATE TABLE mails (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users ON DELETE CASCADE,
    template text NOT NULL,
    recipient text NOT NULL,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'sent', 'dropped', 'failed')),
    attempts bigint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((state = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX mails_due ON mails (next_attempt_at) WHERE state = 'waiting';
CREATE INDEX mails_by_recipient ON mails (recipient, template, created_at);
CREATE INDEX mails_by_user ON mails (user_id, template, created_at);

CREATE TABLE mailed_tokens (
    digest bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    purpose text NOT NULL,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX mailed_tokens_by_user ON mailed_tokens (user_id, purpose);

CREATE TABLE second_factors (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    secret bytea NOT NULL,
    enabled_at timestamptz,
    last_step bigint NOT NULL DEFAULT 0,
    wrong_codes bigint NOT NULL DEFAULT 0,
    wrong_since timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    digest bytea NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, digest)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
    # The sender of mails, and who follows a mailed link, act in the scope "accounts".
    op.execute(own("mails", accounts=True))
    op.execute(own("mailed_tokens", accounts=True))
    op.execute(own("second_factors"))
    op.execute(own("recovery_codes"))


def downgrade() -> None:
    op.execute("DROP TABLE recovery_codes, second_factors, mailed_tokens, mails")
    op.execute("ALTER TABLE users DROP COLUMN email_verified_at")
