"""Setting the live cluster back, or bringing it onto a new host."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import files
import psycopg2
from backup import begin_backup
from points import await_archived
from programs import Fault, run
from repository import pgbackrest
from scratch import RECOVERY_SECONDS, Scratch, refuse_little_room
from server import ask, connection
from settings import DATABASE, Settings
from target import Source, Target, choose
from timelines import refuse_shortfall

ARCHIVE_SECONDS = 120
REPLACED = ".replaced-"
SCRATCH = "scratch"
PATRONI = Path("/etc/patroni/config.yml")
GIVE_UP = "give the newest writes up: -e restore_lossy=true (fivebox-backup restore --lossy)"
# Of the recovery. hot_standby needs the sizes of the server that was backed up, which may have been
# larger. Nothing is archived before the restored cluster stays: its timeline would seem to be the
# one to follow although the replaced cluster is put back.
RECOVERY = ("hot_standby=off", "archive_command=")
SETTINGS = (
    *("hot_standby", "archive_command", "restore_command", "recovery_target_timeline"),
    *("recovery_target_time", "recovery_target_name", "recovery_target_action"),
    # Of the guard of a full disk, which looks anew here.
    "default_transaction_read_only",
)


def check(settings: Settings, target: Target) -> Source:
    """Find out whether a restore would go through, and change nothing.

    Args:
        settings: of the role.
        target: of the restore.

    Raises:
        Fault: why it would not.
    """
    source = choose(settings, target)
    # A fault of the files' repository must show before the database is replaced.
    copies = files.snapshots(settings, source.repository)
    # They are unpacked beside those that are here.
    room = 2 * files.size(source.repository) if copies else 0
    refuse_little_room(settings.data.parent, source, room)
    return source


def restore(settings: Settings, target: Target, sessions: str, lossy: bool = False) -> None:
    """Replace the cluster of this host; the replaced one is kept beside it.

    When the restored cluster does not come up, the replaced one is put back and started.

    Args:
        settings: of the role.
        target: as in `check`.
        sessions: end or keep those of all devices.
        lossy: go on although the newest writes of this host are not in the archive.

    Raises:
        Fault: it is refused, or failed; the text says which, and why.
    """
    if PATRONI.exists():
        raise Fault(
            "this host is a member of a database cluster, which would undo a restore: "
            "fivebox-backup beside (docs/database-cluster.md)"
        )
    source = check(settings, target)
    print(f"From {source}", flush=True)
    with _users_stopped(settings):
        if not lossy:
            _save_newest_writes(settings)
        segment = source.newest_segment()
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        replaced = settings.data.with_name(f"{settings.data.name}{REPLACED}{stamp}")
        existed = settings.data.exists()
        try:
            _set_aside(settings, replaced, stamp)
            _bring_here(settings, source, sessions, segment)
        except BaseException:
            if existed:
                _put_back(settings, replaced)
            raise
        begin_backup()
        try:
            back = files.bring_back(settings, source.repository, source.target.at)
        except Fault as fault:
            raise Fault(
                f"the database is restored (what it replaced is in {replaced}), and not all of the "
                f"users' files: {fault}"
            ) from None
        print(f"Brought back {back} files.", flush=True)
    print(f"Restored. The replaced data is kept in {replaced}.", flush=True)


def beside(settings: Settings, target: Target) -> None:
    """Restore into a cluster beside the live one, which stays as it is.

    Raises:
        Fault: there is such a cluster already, or too little room, or nothing to restore from.
    """
    source = choose(settings, target)
    scratch = Scratch(settings, SCRATCH)
    scratch.restore(source)
    scratch.start()
    print(f"sudo -u postgres psql --host {scratch.folder} --port 5433 {DATABASE}", flush=True)


def discard(settings: Settings) -> None:
    """Delete the cluster beside the live one, and all replaced data."""
    Scratch(settings, SCRATCH).remove()
    kept = [folder for path in (settings.data, *settings.files) for folder in _replaced(Path(path))]
    for folder in kept:
        shutil.rmtree(folder)
        print(f"Deleted {folder}.", flush=True)


def _replaced(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}{REPLACED}*"))


@contextmanager
def _users_stopped(settings: Settings) -> Iterator[None]:
    """Nobody may use a database that is half restored; whoever was stopped is started again."""
    listing = ["systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating"]
    told = run(*listing, *settings.users, "fivebox-backup*.timer")
    units = [line.split()[0] for line in told.splitlines() if line]
    if units:
        run("systemctl", "stop", *units)
    # A backup that is under way would only fail, and one begins after the restore.
    run("systemctl", "stop", "fivebox-backup.service", "fivebox-backup-drill.service")
    try:
        yield
    finally:
        # After a fault the replaced cluster is back.
        if units:
            run("systemctl", "start", *units)


def _save_newest_writes(settings: Settings) -> None:
    ready = list((settings.data / "pg_wal" / "archive_status").glob("*.ready"))
    try:
        with connection("postgres") as session:
            if not ask(session, "SELECT pg_is_in_recovery()"):
                await_archived(session, ARCHIVE_SECONDS)
    except psycopg2.OperationalError:
        if settings.data.exists() and (ready or not _ended_well(settings)):
            raise Fault(
                "the server is down, and its newest WAL is not in the archive "
                f"({len(ready)} segments and what came after them); start it, or {GIVE_UP}"
            ) from None
    except Fault as fault:
        raise Fault(f"{fault}; or {GIVE_UP}") from None


def _ended_well(settings: Settings) -> bool:
    """Whether the server wrote all it had, and so archived it, when it ended."""
    words = ["--pgdata", str(settings.data)]
    try:
        told = run(str(settings.programs / "pg_controldata"), *words, env={"LC_ALL": "C"})
    except Fault:
        return False
    return re.search(r"^Database cluster state: +shut down$", told, re.M) is not None


def _set_aside(settings: Settings, replaced: Path, stamp: str) -> None:
    for folder in settings.files:
        if Path(folder).is_dir():
            # Links: the files never change, and the clean-up takes only names away.
            run("cp", "--archive", "--link", folder, f"{folder}{REPLACED}{stamp}")
    run("systemctl", "stop", settings.unit)
    if _runs(settings):
        raise Fault(
            f"a server still runs in {settings.data}, which {settings.unit} has not started"
        )
    if settings.data.exists():
        settings.data.rename(replaced)


def _runs(settings: Settings) -> bool:
    command = [str(settings.programs / "pg_ctl"), "--pgdata", str(settings.data), "status"]
    try:
        run(*command, user="postgres")
    except Fault:
        return False
    return True


def _put_back(settings: Settings, replaced: Path) -> None:
    with suppress(Fault):
        run("systemctl", "stop", settings.unit)
    if replaced.exists():
        shutil.rmtree(settings.data, ignore_errors=True)
        replaced.rename(settings.data)
    run("systemctl", "start", settings.unit)
    print("The replaced cluster is back.", flush=True)


def _bring_here(settings: Settings, source: Source, sessions: str, segment: str) -> None:
    settings.data.mkdir(mode=0o700)
    shutil.chown(settings.data, "postgres", "postgres")
    recovery = [f"--recovery-option={each}" for each in RECOVERY]
    pgbackrest(*source.options(), *recovery, "restore", repository=source.repository)
    # It resets the count of restarts; where the unit is not loaded there is none.
    with suppress(Fault):
        run("systemctl", "reset-failed", settings.unit)
    begun = time.time()
    run("systemctl", "start", "--no-block", settings.unit)
    _await_recovered(settings, begun)
    if segment:
        with connection("postgres") as session:
            refuse_shortfall(session, segment)
    words = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
    # The backup may be of a database that was read-only, as its disk was full.
    where = f"dbname={DATABASE} options='-c default_transaction_read_only=off'"
    said = ["--set", f"sessions={sessions}", "--dbname", where]
    run("psql", *words, *said, user="postgres", text=settings.after_restore)
    with connection("postgres") as session, session.cursor() as cursor:
        for name in SETTINGS:
            cursor.execute(f"ALTER SYSTEM RESET {name}")
        cursor.execute("SELECT pg_reload_conf()")


def _await_recovered(settings: Settings, begun: float) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < deadline:
        try:
            with connection("postgres") as session:
                started = ask(
                    session, "SELECT extract(epoch FROM pg_postmaster_start_time())::float"
                )
                if started > begun - 1 and not ask(session, "SELECT pg_is_in_recovery()"):
                    return
        except psycopg2.OperationalError:
            # A recovery that ends the server will do so again.
            if run("systemctl", "show", "--property=NRestarts", "--value", settings.unit) != "0\n":
                raise Fault(f"PostgreSQL: {_last_words(begun)}") from None
        time.sleep(0.5)
    raise Fault("the restored cluster does not end its recovery")


def _last_words(begun: float) -> str:
    words = ["--identifier=postgresql", f"--since=@{begun:.0f}", "--output=cat", "--no-pager"]
    said = [
        line.partition(":")[2].strip()
        for line in run("journalctl", *words).splitlines()
        if re.search(r"FATAL|PANIC", line) and "the database system is" not in line
    ]
    return said[0] if said else "the restored server ends: journalctl -t postgresql"
