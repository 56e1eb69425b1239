"""Audit events take the ids of content documents, which have up to 100 characters.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"


def limit(length: int) -> str:
    """SQL that limits the length of ids."""
    # NOT VALID: going up all rows fit, so that nothing is read under the lock; going down the log
    # keeps the longer ones.
    return f"""
    ALTER TABLE audit_events DROP CONSTRAINT audit_events_subject_id_check;
    ALTER TABLE audit_events ADD CONSTRAINT audit_events_subject_id_check
        CHECK (length(subject_id) <= {length}) NOT VALID;
    """


def upgrade() -> None:
    op.execute(limit(100))


def downgrade() -> None:
    op.execute(limit(80))
