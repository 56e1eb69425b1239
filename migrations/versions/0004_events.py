"""Note in each transaction what live updates must tell after its commit.

Revision ID: 0004
"""

from alembic import op

from migrations.ddl import tell

revision = "0004"
down_revision = "0003"

FUNCTIONS = """
-- Notes the newest revision that this transaction gave a user's rows. After the row is stored: the
-- INSERT of an upsert takes a number even when the row that is there stays as it is. Row-level
-- security keeps a transaction to the rows of one user, so one note is enough.
CREATE FUNCTION tell_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.revision', NEW.user_id || ' ' || NEW.rev, true);
    RETURN NULL;
END $$;

-- Notes the devices that this transaction logged out.
CREATE FUNCTION tell_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config(
        'app.revoked',
        concat_ws(' ', nullif(current_setting('app.revoked', true), ''), OLD.id),
        true
    );
    RETURN NULL;
END $$;
CREATE TRIGGER devices_tell_revoked AFTER UPDATE OF revoked_at ON devices
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION tell_revocation();
CREATE TRIGGER devices_tell_deleted AFTER DELETE ON devices
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now())
    EXECUTE FUNCTION tell_revocation();
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)
    for table in ("user_habits", "user_progress"):
        op.execute(tell(table))


def downgrade() -> None:
    op.execute("DROP FUNCTION tell_revision(), tell_revocation() CASCADE")
