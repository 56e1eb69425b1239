"""Restore points: names for moments. A name carries its time, so that it says which backup it needs
also when nothing but the repository is left."""

import re
import time
from datetime import UTC, datetime
from typing import Any

from programs import Fault
from server import ask, connection

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,40}")
STAMP = "%Y%m%dT%H%M%SZ"


def make(name: str) -> str:
    """Make a restore point on the live server.

    Args:
        name: letters, digits and `._+-`.

    Returns:
        its full name, for a restore.

    Raises:
        Fault: the name is none, or the server does not answer.
    """
    if not NAME.fullmatch(name):
        raise Fault(f"{name!r}: a restore point's name has letters, digits and ._+-, at most 41")
    with connection("postgres") as session:
        full, _ = note(session, name)
    return full


def note(session: Any, name: str) -> tuple[str, str]:
    """Write a restore point into the WAL; its full name, and its place (LSN)."""
    full = f"{name}@{datetime.now(UTC):{STAMP}}"
    return full, ask(session, "SELECT pg_create_restore_point(%s)", full)


def moment(full: str) -> float:
    """When a restore point was made, in seconds since 1970.

    Raises:
        Fault: it is no full name.
    """
    try:
        made = datetime.strptime(full.rpartition("@")[2], STAMP).replace(tzinfo=UTC)
        return made.timestamp()
    except ValueError:
        raise Fault(
            f"{full}: a restore point is named with its time, such as release@20261121T110405Z"
        ) from None


def await_archived(session: Any, seconds: float) -> None:
    """Wait until all that is written now is in the archive; the segment is ended at once.

    Raises:
        Fault: it is not, after `seconds`.
    """
    # A switch without a write before it would do nothing.
    note(session, "archive")
    segment = ask(session, "SELECT pg_walfile_name(pg_switch_wal())")
    await_segment(session, segment, seconds)


def await_segment(session: Any, segment: str, seconds: float) -> None:
    """Wait until a segment of WAL is in the archive.

    Raises:
        Fault: it is not, after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while (ask(session, "SELECT last_archived_wal FROM pg_stat_archiver") or "") < segment:
        if time.monotonic() > deadline:
            failed = ask(session, "SELECT last_failed_wal FROM pg_stat_archiver")
            raise Fault(
                f"the WAL segment {segment} is not in the archive after {seconds:.0f} s"
                f" (the last that failed: {failed}); journalctl -u 'postgresql@*' tells why"
            )
        time.sleep(0.5)
