"""Timelines: each promotion begins one, and its history says where it left those before.

A restored server, and a standby that took over, are on a new one; whoever goes on with an older one
is a host that was given up.
"""

import json

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
    words = ["--output=json", r"--filter=^[0-9A-F]{8}\.history$", "repo-ls", _folder(archive)]
    told = json.loads(pgbackrest(*words, repository=repository, level="error"))
    files = {name: each for name, each in told.items() if each["type"] == "file"}
    return {int(name[:8], 16): float(each["time"]) for name, each in files.items()}


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


def _folder(archive: str) -> str:
    return f"archive/{STANZA}/{archive}"
