"""A backup of the database and the files, to every repository."""

import shutil
import time
from pathlib import Path

import files
import metrics
from programs import LOCKED, Fault, run
from repository import Backup, backups, pgbackrest, refuse_wrong_clock
from settings import WORK, Repository, Settings
from timelines import refuse_newer

# A run may begin a little earlier than the day before.
FULL_SECONDS = 23 * 3600
# The database writes on the same disk.
RESERVE_BYTES = 256 * 2**20
# PostgreSQL's sending of WAL holds the lock of a stanza that is made, for moments.
LOCK_SECONDS = 60
# By this name the program makes restore points.
POINT = Path("/usr/local/sbin/fivebox-restore-point")
LOCAL = Path("/var/lib/pgbackrest")
# Asks the next run for a full backup: the unit, which limits it, takes no options.
FULL_ASKED = WORK / "full"


def prepare(settings: Settings) -> None:
    """Make the repositories ready, and prove that WAL gets there.

    Raises:
        Fault: a storage does not answer, or holds the backups of another database.
    """
    _create_stanza()
    pgbackrest("check")
    for repository in settings.repositories:
        files.prepare(settings, repository)
    link_point()


def _create_stanza() -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            pgbackrest("stanza-create")
            return
        except Fault as fault:
            if LOCKED not in str(fault) or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def link_point() -> None:
    """Let the program make restore points by a name of its own."""
    POINT.unlink(missing_ok=True)
    POINT.symlink_to("fivebox-backup")


def begin_backup() -> None:
    """Back up in the background, as a storage that is new or a restored cluster needs."""
    run("systemctl", "start", "--no-block", "fivebox-backup.service")


def back_up(settings: Settings, full: bool = False, trusted: bool = False) -> None:
    """Back up: what is due, a full backup once a day and else an incremental one.

    A repository that fails does not keep the others from theirs.

    Args:
        settings: of the role.
        full: also when none is due.
        trusted: whether the operator vouches for the clock.

    Raises:
        Fault: naming each repository that failed, and why.
    """
    faults = []
    full = full or FULL_ASKED.exists()
    for repository in settings.repositories:
        try:
            _back_up(settings, repository, full, trusted)
        except Fault as fault:
            faults.append(f"{repository.place}: {fault}")
    if faults:
        raise Fault("; ".join(faults))
    if full:
        FULL_ASKED.unlink(missing_ok=True)


def _back_up(settings: Settings, repository: Repository, full: bool, trusted: bool) -> None:
    begun = time.time()
    known = backups(repository)
    refuse_wrong_clock(repository, known, trusted)
    refuse_newer(repository, known)
    newest_full = max((each.begun for each in known if each.full), default=0)
    full = full or begun - newest_full > FULL_SECONDS
    if repository.local:
        _refuse_little_room(known, full)
    kind = f"--type={'full' if full else 'incr'}"
    pgbackrest(kind, "--no-expire-auto", "backup", repository=repository)
    known = backups(repository)
    # Those before may be the last sound ones.
    expire = full and not known[-1].damaged
    if expire:
        pgbackrest("expire", repository=repository)
        known = backups(repository)
    files.back_up(settings, repository, expire)
    sound = max((each.ended for each in known if not each.damaged), default=0)
    metrics.write(
        f"backup-{repository.number}",
        {
            "backup_last_success_timestamp": ("End of the newest sound backup.", sound),
            "backup_oldest_timestamp": ("From when on one can restore.", known[0].ended),
            "backup_seconds": ("What the newest backup took.", time.time() - begun),
            "backup_database_bytes": ("Size of the database in it.", known[-1].size),
            "backup_damaged_pages": (
                "Whether the database has pages with a wrong checksum.",
                known[-1].damaged,
            ),
        },
        repository=repository.number,
    )
    print(f"{repository.place}: {known[-1].label}, {known[-1].size / 2**20:.0f} MiB", flush=True)
    if known[-1].damaged:
        raise Fault(
            f"the backup {known[-1].label} is made, but the database has damaged pages: "
            "docs/runbooks/corrupted-page.md"
        )


def _refuse_little_room(known: list[Backup], full: bool) -> None:
    free = shutil.disk_usage(LOCAL).free
    # Compressed it takes less; how much less is not known before.
    needed = RESERVE_BYTES + (max((each.size for each in known), default=0) if full else 0)
    if free < needed:
        raise Fault(
            f"{LOCAL} has {free / 2**20:.0f} MiB free and a backup needs {needed / 2**20:.0f}; "
            "make room, or keep backups elsewhere (fivebox_backup_storage)"
        )
