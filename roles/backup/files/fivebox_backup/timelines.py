"""Timelines: each promotion begins one, and its history says where it left those before.

A restored server, and a standby that took over, are on a new one; whoever goes on with an older one
is a host that was given up.
"""

import json
from typing import Any

import psycopg2
from programs import Fault
from repository import Backup, pgbackrest, position
from server import ask, connection
from settings import STANZA, Repository


def histories(repository: Repository, archive: str) -> dict[int, float]:
    """The timelines whose history an archive has, and since when, in seconds since 1970.

    Raises:
        Fault: the repository does not answer.
    """
    told = _listed(repository, _folder(archive), r"^[0-9A-F]{8}\.history$")
    return {int(name[:8], 16): float(each["time"]) for name, each in told.items()}


def begun(archived: dict[int, float], known: list[Backup]) -> dict[int, float]:
    """When each timeline began.

    Args:
        archived: the histories; that of the first is never written, nor is one from before the
            repository was there.
        known: the backups, the oldest first.
    """
    since = dict(archived)
    for each in known:
        since.setdefault(each.timeline, each.begun)
    return since | ({1: 0.0} if 1 in since else {})


def forks(repository: Repository, archive: str, timeline: int) -> dict[int, int]:
    """Where a timeline that has a history left each of those before it (LSN).

    Raises:
        Fault: the repository does not answer.
    """
    name = f"{_folder(archive)}/{timeline:08X}.history"
    history = pgbackrest("repo-get", name, repository=repository, level="error")
    lines = [line.split("\t") for line in history.splitlines() if line[:1].isdigit()]
    return {int(parent): position(left) for parent, left, *_ in lines}


def newest_segment(repository: Repository, archive: str, timeline: int) -> str:
    """Name of the newest segment of a timeline that an archive has; empty when it has none.

    Raises:
        Fault: the repository does not answer.
    """
    folders = _listed(repository, _folder(archive), f"^{timeline:08X}[0-9A-F]{{8}}$")
    if not folders:
        return ""
    names = _listed(repository, f"{_folder(archive)}/{max(folders)}", "^[0-9A-F]{24}-")
    return max(names, default="")[:24]


def refuse_shortfall(session: Any, segment: str) -> None:
    """Refuse a restored server that ended its recovery before it had all WAL of the archive.

    For PostgreSQL the archive ends where a segment is missing or cannot be read.

    Args:
        session: of the server, which has begun a timeline of its own.
        segment: the newest that it was to have.

    Raises:
        Fault: it came less far.
    """
    here = ask(session, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
    history: str = ask(session, "SELECT pg_read_file('pg_wal/' || %s || '.history')", here)
    size: int = ask(session, "SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size'")
    left = [line.split("\t")[1] for line in history.splitlines() if line[:1].isdigit()][-1]
    wanted = int(segment[8:16], 16) * (2**32 // size) + int(segment[16:], 16)
    if position(left) // size < wanted:
        until = ask(session, "SELECT pg_last_xact_replay_timestamp()::text")
        raise Fault(
            f"the archive has WAL up to {segment}, and the restored server came only to {left}: "
            f"between them a segment is missing or damaged. Restore to a time until {until}, or "
            "from the copy (--repository 2)"
        )


def refuse_newer(repository: Repository, known: list[Backup]) -> None:
    """Refuse to back up beside the server that went on with these backups.

    Raises:
        Fault: the archive has a newer timeline than this server.
    """
    if not known:
        return
    try:
        with connection("postgres") as session:
            here = int(ask(session, "SELECT pg_walfile_name(pg_current_wal_lsn())")[:8], 16)
    except psycopg2.OperationalError as error:
        raise Fault(f"the server does not answer: {str(error).strip()}") from None
    newest = max(histories(repository, known[-1].archive), default=0)
    if newest > here:
        raise Fault(
            f"another server went on with these backups, on timeline {newest}; this one is on "
            f"{here}. Turn this host off (docs/runbooks/host-lost.md), or take another "
            "fivebox_backup_name"
        )


def _listed(repository: Repository, folder: str, names: str) -> dict[str, dict[str, Any]]:
    words = ["--output=json", f"--filter={names}", "repo-ls", folder]
    told = json.loads(pgbackrest(*words, repository=repository, level="error"))
    # The folder itself is listed as a dot.
    return {name: each for name, each in told.items() if name != "."}


def _folder(archive: str) -> str:
    return f"archive/{STANZA}/{archive}"
