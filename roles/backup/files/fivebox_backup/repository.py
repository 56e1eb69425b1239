"""What pgBackRest knows of its backups."""

import json
import time
from dataclasses import dataclass
from typing import Any

from programs import Fault, explain, run
from settings import STANZA, Repository

# Two clocks of one network are not that far apart.
SKEW_SECONDS = 60


@dataclass(frozen=True)
class Backup:
    """A backup; times are seconds since 1970, sizes bytes."""

    label: str
    full: bool
    begun: int
    ended: int
    size: int
    damaged: bool
    version: str


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
        )
        for each in stanza.get("backup", [])
    ]


def refuse_wrong_clock(known: list[Backup]) -> None:
    """Refuse to go on when the newest backup is from the future.

    Raises:
        Fault: the clock is behind it.
    """
    behind = known[-1].ended - time.time() if known else 0
    if behind > SKEW_SECONDS:
        raise Fault(
            f"the clock of this host is {behind:.0f} s behind its newest backup; set it "
            "(timedatectl), or backups and restores to a time go wrong"
        )
