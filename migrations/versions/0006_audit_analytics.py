"""The audit log, the analysts' views, days of activity, and accounts on their way out.

Revision ID: 0006
"""

from datetime import UTC, datetime, timedelta

from alembic import op

from migrations.ddl import analyze, own, pseudonym

revision = "0006"
down_revision = "0005"
contract = "analysts read the views of the schema analytics instead of tables"

MONTHS_AHEAD = 3

# Rows of months that have no partition yet go into the default one; `flask audit partitions` moves
# them. A partition is reached through its parent only: it has no policy for the app.
AUDIT = """
CREATE TABLE audit_events (
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    actor text NOT NULL CHECK (actor IN ('user', 'admin', 'command', 'nobody')),
    device_id uuid,
    kind text NOT NULL CHECK (length(kind) <= 64),
    outcome text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'refused')),
    request_id text CHECK (length(request_id) <= 64),
    client_network text CHECK (length(client_network) <= 64),
    subject_table text CHECK (length(subject_table) <= 64),
    subject_id text CHECK (length(subject_id) <= 80),
    details jsonb NOT NULL DEFAULT '{}' CHECK (length(details::text) <= 2000),
    PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX audit_events_by_user ON audit_events (user_id, occurred_at DESC, id DESC);
CREATE INDEX audit_events_by_kind ON audit_events (kind, occurred_at DESC, id DESC);
CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;

ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_events_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events_default FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON audit_events FOR SELECT TO fivebox_app
    USING (user_id = (SELECT app_user_id()) OR (SELECT app_scope()) = 'admin');
CREATE POLICY append ON audit_events FOR INSERT TO fivebox_app
    WITH CHECK (
        user_id IS NULL
        OR user_id = (SELECT app_user_id())
        OR (SELECT app_scope()) IN ('accounts', 'admin')
    );
-- The owner moves rows between partitions.
CREATE POLICY keep ON audit_events_default TO CURRENT_USER
    USING (current_user NOT IN ('fivebox_app', 'fivebox_analyst'))
    WITH CHECK (current_user NOT IN ('fivebox_app', 'fivebox_analyst'));
GRANT SELECT, INSERT ON audit_events TO fivebox_app;
"""

ACCOUNTS = """
ALTER TABLE users ADD COLUMN deletion_requested_at timestamptz;

CREATE TABLE active_days (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    day date NOT NULL,
    PRIMARY KEY (user_id, day)
);
CREATE INDEX active_days_by_day ON active_days (day);
"""

SCHEMA = """
CREATE SCHEMA analytics;
GRANT USAGE ON SCHEMA analytics TO fivebox_analyst, fivebox_app;
-- 244 random bits, which only the owner reads: without them a pseudonym cannot be traced back.
CREATE TABLE analytics.salt AS
    SELECT convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8') AS value;
"""

VIEWS = (
    ("people", "users", "role, time_zone, locale, created_at, deletion_requested_at", "id"),
    ("devices", "devices", "created_at, last_seen_at, expires_at, revoked_at", "user_id"),
    ("active_days", "active_days", "day", "user_id"),
    ("events", "audit_events", "occurred_at, actor, kind, outcome", "user_id"),
    (
        "habits",
        "user_habits",
        f"{pseudonym('user_id::text || id')} AS habit, schedule, weekdays, times_per_week, "
        "start_date, active, created_at, deleted_at",
        "user_id",
    ),
    (
        "progress",
        "user_progress",
        f"{pseudonym('user_id::text || habit_id')} AS habit, date, completed, streak, "
        "created_at, deleted_at",
        "user_id",
    ),
)

GRANTS_BEFORE = """
GRANT SELECT (id, role, time_zone, locale, created_at) ON users TO fivebox_analyst;
GRANT SELECT (id, user_id, created_at, last_seen_at, revoked_at) ON devices TO fivebox_analyst;
GRANT SELECT ON sync_state TO fivebox_analyst;
GRANT SELECT (user_id, id, schedule, weekdays, times_per_week, start_date, active, created_at,
              deleted_at) ON user_habits TO fivebox_analyst;
GRANT SELECT (user_id, id, habit_id, date, completed, streak, created_at, deleted_at)
    ON user_progress TO fivebox_analyst;
"""


def partition(name: str, begin: str, end: str) -> str:
    """SQL of a month's partition."""
    return f"""
    CREATE TABLE {name} PARTITION OF audit_events
        FOR VALUES FROM ('{begin} 00:00+00') TO ('{end} 00:00+00');
    ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE {name} FORCE ROW LEVEL SECURITY;
    """


def upgrade() -> None:
    op.execute(AUDIT)
    begin = datetime.now(UTC).replace(day=1).date()
    for _ in range(1 + MONTHS_AHEAD):
        end = (begin + timedelta(days=31)).replace(day=1)
        op.execute(partition(begin.strftime("audit_events_%Y_%m"), f"{begin}", f"{end}"))
        begin = end
    op.execute(ACCOUNTS)
    op.execute(own("active_days"))
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM fivebox_analyst")
    op.execute(SCHEMA)
    for view, table, columns, owner in VIEWS:
        op.execute(analyze(view, table, columns, owner=owner))


def downgrade() -> None:
    op.execute("DROP SCHEMA analytics CASCADE")
    for table in ("users", "devices", "user_habits", "user_progress"):
        op.execute(f"DROP POLICY analytics ON {table}")
    op.execute("DROP TABLE audit_events, active_days")
    op.execute("ALTER TABLE users DROP COLUMN deletion_requested_at")
    op.execute(GRANTS_BEFORE)
