"""The users' files: objects that never change, so a copy of what is there is a backup.

restic encrypts them, and keeps what was deleted as long as the database's backups.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from programs import Fault, run
from settings import WORK, Repository, Settings

# A small host has neither the processor nor the memory that Go would take.
SPARING = {"GOMAXPROCS": "1", "GOGC": "20", "RESTIC_CACHE_DIR": "/var/cache/fivebox-backup"}


def back_up(settings: Settings, repository: Repository, expire: bool) -> None:
    """Copy the files that are new.

    Args:
        settings: of the role.
        repository: to copy to.
        expire: also drop what was deleted longer ago than backups are kept.

    Raises:
        Fault: the repository does not answer.
    """
    folders = [folder for folder in settings.files if Path(folder).is_dir()]
    if not folders:
        return
    try:
        _restic(repository, "cat", "config")
    except Fault:
        # There is none yet; where one is that does not answer, this fails too and says why.
        _restic(repository, "init")
    _restic(repository, "backup", "--quiet", "--host", "fivebox", *folders)
    if expire:
        kept = f"{settings.days}d"
        _restic(repository, "forget", "--quiet", "--keep-within", kept, "--prune")


def bring_back(settings: Settings, repository: Repository, until: float | None) -> int:
    """Put back the files that are missing; those that are here stay.

    A file that was deleted between two snapshots is in the one before, one that was added in the
    one after, so both are taken.

    Args:
        settings: of the role.
        repository: to take them from.
        until: seconds since 1970 that the database was restored to; None for the newest state.

    Returns:
        the number of files brought back.

    Raises:
        Fault: the repository does not answer, or its files are damaged.
    """
    if not settings.files:
        return 0
    snapshots = sorted(
        (_seconds(each["time"]), each["id"])
        for each in json.loads(_restic(repository, "snapshots", "--json"))
    )
    if until is None:
        chosen = [key for _, key in snapshots[-1:]]
    else:
        before = [key for at, key in snapshots if at <= until][-1:]
        chosen = before + [key for at, key in snapshots if at > until][:1]
    back = 0
    for key in chosen:
        with TemporaryDirectory(dir=WORK) as folder:
            _restic(repository, "restore", key, "--target", folder)
            for kept in settings.files:
                if not Path(folder + kept).is_dir():
                    continue
                Path(kept).mkdir(parents=True, exist_ok=True)
                copied = run(
                    *("cp", "--archive", "--no-clobber", "--verbose"), f"{folder}{kept}/.", kept
                )
                back += sum(1 for line in copied.splitlines() if not line.endswith("/'"))
    return back


def _seconds(text: str) -> float:
    # restic gives nanoseconds, Python reads six digits.
    whole, _, rest = text.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    moment = datetime.fromisoformat(whole.replace("Z", "") + (zone or "Z").replace("Z", "+00:00"))
    return moment.astimezone(UTC).timestamp()


def _restic(repository: Repository, *words: str) -> str:
    return run("restic", *repository.options, *words, env={**SPARING, **repository.files})
