"""What pgBackRest knows of its backups."""

import json
import time
from dataclasses import dataclass
from typing import Any

from programs import Fault, explain, run
from settings import STANZA, Repository

# Two clocks of one network are not that far apart.
SKEW_SECONDS = 60
# By more than this no clock may go on without a time server: the oldest backups would expire.
JUMP_SECONDS = 3 * 86400


@dataclass(frozen=True)
class Backup:
    """A backup; times are seconds since 1970, sizes bytes.

    Attributes:
        label: pgBackRest's name.
        full: not incremental.
        begun: when.
        ended: when.
        size: of the database in it.
        damaged: whether pages in it have a wrong checksum.
        version: of PostgreSQL.
        archive: folder of its WAL.
        timeline: of its end.
        position: of its end in the WAL (LSN).
    """

    label: str
    full: bool
    begun: int
    ended: int
    size: int
    damaged: bool
    version: str
    archive: str
    timeline: int
    position: int


def pgbackrest(*words: str, repository: Repository | None = None, level: str = "info") -> str:
    """Run pgBackRest as the database's user.

    Args:
        words: its options and command.
        repository: the one of several.
        level: how much it tells.

    Raises:
        Fault: it failed.
    """
    chosen = [f"--repo={repository.number}"] if repository else []
    command = ["pgbackrest", f"--stanza={STANZA}", f"--log-level-console={level}", *chosen, *words]
    return run(*command, user="postgres")


def backups(repository: Repository) -> list[Backup]:
    """The backups of a repository, the oldest first.

    Raises:
        Fault: it does not answer, or is not ours.
    """
    told = pgbackrest("--output=json", "info", repository=repository, level="error")
    found: list[dict[str, Any]] = json.loads(told, strict=False)
    stanza: dict[str, Any] = found[0] if found else {}
    status = stanza.get("status", {})
    # 1 and 2: nothing is there yet.
    if status.get("code", 0) not in (0, 1, 2):
        messages = [each["status"]["message"] for each in stanza.get("repo", [])]
        raise Fault(explain("pgbackrest", "\n".join(messages or [str(status)])))
    versions = {database["id"]: database["version"] for database in stanza.get("db", [])}
    return [
        Backup(
            each["label"],
            each["type"] == "full",
            each["timestamp"]["start"],
            each["timestamp"]["stop"],
            each["info"]["size"],
            bool(each.get("error")),
            versions[each["database"]["id"]],
            f"{versions[each['database']['id']]}-{each['database']['id']}",
            int(each["archive"]["stop"][:8], 16),
            position(each["lsn"]["stop"]),
        )
        for each in stanza.get("backup", [])
    ]


def position(text: str) -> int:
    """A place in the WAL, from its text such as 0/5000028."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def refuse_wrong_clock(repository: Repository, known: list[Backup], trusted: bool) -> None:
    """Refuse to go on when the clock is wrong, before it expires backups or blocks later ones.

    Args:
        repository: of the backups.
        known: its backups.
        trusted: whether the operator vouches for a long time without a backup.

    Raises:
        Fault: the clock is behind the newest backup; or long after it, and nobody confirms that.
    """
    passed = time.time() - known[-1].ended if known else 0.0
    if passed < -SKEW_SECONDS:
        raise Fault(
            f"the clock of this host is {-passed:.0f} s behind its newest backup; set it "
            "(timedatectl). If it was ahead when that was made, remove that: sudo -u postgres "
            f"pgbackrest --stanza={STANZA} --repo={repository.number} --set={known[-1].label} "
            "expire"
        )
    if passed > JUMP_SECONDS and not trusted and not _is_synchronized():
        raise Fault(
            f"by the clock of this host its newest backup is {passed / 86400:.0f} days old, and no "
            "time server confirms that (timedatectl); one that is ahead would expire good backups. "
            "Set it; if it is right: fivebox-backup run --trust-clock"
        )


def _is_synchronized() -> bool:
    return run("timedatectl", "show", "--property=NTPSynchronized", "--value").strip() == "yes"
