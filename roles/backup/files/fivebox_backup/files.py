"""The users' files: objects that never change, so a copy of what is there is a backup.

restic encrypts them, and keeps what was deleted as long as the database's backups.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from programs import Fault, run
from settings import WORK, Repository, Settings

# What restic says where there is no repository: 0.18, and 0.14 on a disk and on S3.
# Says where copies were made, so that their loss is noticed.
MADE = "files-{}.made"
NONE = re.compile("repository does not exist|/config: no such file|specified key does not exist")
# A small host has neither the processor nor the memory that Go would take.
SPARING = {"GOMAXPROCS": "1", "GOGC": "20", "RESTIC_CACHE_DIR": "/var/cache/fivebox-backup"}


def prepare(settings: Settings, repository: Repository) -> None:
    """Make the repository for files where there is none yet.

    Raises:
        Fault: the storage does not answer.
    """
    if settings.files and not _exists(repository):
        _restic(repository, "init")


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
    if _was_made(repository) and not _exists(repository):
        raise Fault(
            f"the copies of the users' files are gone from the storage; to begin anew: rm "
            f"{_mark(repository)}"
        )
    prepare(settings, repository)
    # The locks of runs that were killed; those of others stay.
    _restic(repository, "unlock", "--quiet")
    _restic(repository, "backup", "--quiet", "--host", "fivebox", *folders)
    _mark(repository).write_text(repository.files["RESTIC_REPOSITORY"])
    if expire:
        kept = f"{settings.days}d"
        _restic(repository, "forget", "--quiet", "--keep-within", kept, "--prune")


def snapshots(settings: Settings, repository: Repository) -> list[tuple[float, str]]:
    """When each copy of the files was made, in seconds since 1970, and its id; the oldest first.

    Raises:
        Fault: the repository does not answer, or has another passphrase.
    """
    if not settings.files or not _exists(repository):
        return []
    told = json.loads(_restic(repository, "snapshots", "--no-lock", "--json"))
    return sorted((_seconds(each["time"]), each["id"]) for each in told)


def check(settings: Settings, repository: Repository) -> int:
    """Look whether all files are there, and read a twentieth of them.

    Returns:
        the size of the newest copy in bytes.

    Raises:
        Fault: the repository does not answer, or its files are damaged.
    """
    if not snapshots(settings, repository):
        if _was_made(repository):
            raise Fault("the copies of the users' files are gone from the storage")
        return 0
    _restic(repository, "check", "--no-lock", "--quiet", "--read-data-subset=5%")
    return size(repository)


def size(repository: Repository) -> int:
    """Size of the newest copy in bytes.

    Raises:
        Fault: the repository does not answer, or has no copy.
    """
    told = _restic(repository, "stats", "--no-lock", "--json", "--mode", "restore-size", "latest")
    found: int = json.loads(told)["total_size"]
    return found


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
    known = snapshots(settings, repository)
    if until is None:
        chosen = [key for _, key in known[-1:]]
    else:
        before = [key for at, key in known if at <= until][-1:]
        chosen = before + [key for at, key in known if at > until][:1]
    back = 0
    for key in chosen:
        with TemporaryDirectory(dir=WORK) as folder:
            _restic(repository, "restore", key, "--no-lock", "--target", folder)
            for kept in settings.files:
                if not Path(folder + kept).is_dir():
                    continue
                Path(kept).mkdir(parents=True, exist_ok=True)
                copied = run(
                    *("cp", "--archive", "--no-clobber", "--verbose"), f"{folder}{kept}/.", kept
                )
                back += sum(1 for line in copied.splitlines() if not line.endswith("/'"))
    return back


def _mark(repository: Repository) -> Path:
    return WORK / MADE.format(repository.number)


def _was_made(repository: Repository) -> bool:
    mark = _mark(repository)
    return mark.exists() and mark.read_text() == repository.files["RESTIC_REPOSITORY"]


def _exists(repository: Repository) -> bool:
    try:
        _restic(repository, "cat", "config", "--no-lock")
    except Fault as fault:
        if NONE.search(str(fault)):
            return False
        raise
    return True


def _seconds(text: str) -> float:
    # restic gives nanoseconds, Python reads six digits.
    whole, _, rest = text.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    moment = datetime.fromisoformat(whole.replace("Z", "") + (zone or "Z").replace("Z", "+00:00"))
    return moment.astimezone(UTC).timestamp()


def _restic(repository: Repository, *words: str) -> str:
    return run("restic", *repository.options, *words, env={**SPARING, **repository.files})
