"""Partitions of the audit log: made ahead of their month, dropped when it is old enough."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

# Any constant serves: two hosts must not keep the partitions at once.
ADVISORY_LOCK = 5_105_001
TIMEOUTS = "-c lock_timeout=4s -c statement_timeout=300s"

_NAME = re.compile(r"audit_events_(\d{4})_(\d{2})")
_PARTITIONS = text(
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_events'::regclass"
)


@dataclass
class Kept:
    """What was done: partitions made, events moved into them, partitions dropped."""

    made: int = 0
    moved: int = 0
    dropped: int = 0


@dataclass(frozen=True, order=True)
class Month:
    """A month of the calendar, in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> "Month":
        """The month that a moment is in."""
        moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    def plus(self, months: int) -> "Month":
        """The month so many later, or earlier when negative."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(year, month + 1)

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def partition(self) -> str:
        """Name of its partition."""
        return f"audit_events_{self.year:04}_{self.month:02}"


def keep_partitions(owner_url: str, *, ahead: int, months: int) -> Kept:
    """Make the partitions from the oldest event without one to some months ahead; drop old ones.

    Each partition is made in a transaction of its own. Events that came before their partition
    are in the default one and are moved. A second run changes nothing.

    Args:
        owner_url: SQLAlchemy URL of the role that owns the tables.
        ahead: months to make after the present one.
        months: whole months of events to keep before the present one.
    """
    engine = create_engine(owner_url, poolclass=NullPool, connect_args={"options": TIMEOUTS})
    kept = Kept()
    with engine.connect() as connection:
        # Waits for another host's run; that wait is not to be cut short by lock_timeout.
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text("SET lock_timeout = '4s'"))
        connection.commit()
        present = Month.of(datetime.now(UTC))
        oldest = present.plus(-months)
        _drop(connection, oldest, kept)
        month = max(oldest, min(present, _first_unplaced(connection) or present))
        while month <= present.plus(ahead):
            if month not in _months(connection):
                _make(connection, month, kept)
            month = month.plus(1)
    return kept


def _months(connection: Connection) -> set[Month]:
    names = connection.scalars(_PARTITIONS)
    found = (_NAME.fullmatch(name) for name in names)
    return {Month(int(match[1]), int(match[2])) for match in found if match}


def _first_unplaced(connection: Connection) -> Month | None:
    first = connection.scalar(text("SELECT min(occurred_at) FROM audit_events_default"))
    return Month.of(first) if first else None


def _make(connection: Connection, month: Month, kept: Kept) -> None:
    name, bounds = month.partition, {"low": month.begin, "high": month.plus(1).begin}
    # No event of this month may come into the default partition while the new one is attached.
    connection.execute(text("LOCK TABLE audit_events_default IN ACCESS EXCLUSIVE MODE"))
    connection.execute(
        text(f"CREATE TABLE {name} (LIKE audit_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    )
    moved = connection.execute(
        text(
            "WITH moved AS (DELETE FROM audit_events_default "  # noqa: S608 - a name of ours
            "WHERE occurred_at >= :low AND occurred_at < :high RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved"
        ),
        bounds,
    )
    connection.execute(
        text(
            f"ALTER TABLE audit_events ATTACH PARTITION {name} "
            f"FOR VALUES FROM ('{bounds['low']}') TO ('{bounds['high']}')"
        )
    )
    # Without a policy: nobody reaches a partition but through the table.
    connection.execute(text(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"))
    connection.execute(text(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"))
    connection.commit()
    kept.made += 1
    kept.moved += moved.rowcount


def _drop(connection: Connection, oldest: Month, kept: Kept) -> None:
    for month in sorted(_months(connection)):
        if month < oldest:
            connection.execute(text(f"DROP TABLE {month.partition}"))
            connection.commit()
            kept.dropped += 1
    connection.execute(
        text("DELETE FROM audit_events_default WHERE occurred_at < :oldest"),
        {"oldest": oldest.begin},
    )
    connection.commit()
