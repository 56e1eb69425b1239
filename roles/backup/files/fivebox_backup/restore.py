"""Setting the live cluster back, or bringing it onto a new host."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import files
import psycopg2
from points import await_archived
from programs import Fault, run
from repository import pgbackrest
from scratch import RECOVERY_SECONDS, Scratch, refuse_little_room
from server import ask, connection
from settings import DATABASE, Settings
from target import Source, choose, parse

ARCHIVE_SECONDS = 120
REPLACED = ".replaced-"
SCRATCH = "scratch"


def check(settings: Settings, target: str, repository: int) -> Source:
    """Find out whether a restore would go through, and change nothing.

    Args:
        settings: of the role.
        target: latest, a time with its zone, or the full name of a restore point.
        repository: its number; 0 takes the first that has what is needed.

    Raises:
        Fault: why it would not.
    """
    source = choose(settings, parse(target), repository)
    refuse_little_room(settings.data.parent, source)
    return source


def restore(
    settings: Settings, target: str, repository: int, sessions: str, lossy: bool = False
) -> None:
    """Replace the cluster of this host; the replaced one is kept beside it.

    When the restored cluster does not come up, the replaced one is put back and started.

    Args:
        settings: of the role.
        target: as in `check`.
        repository: as in `check`.
        sessions: end or keep those of all devices.
        lossy: go on although the newest writes of this host are not in the archive.

    Raises:
        Fault: it is refused, or failed; the text says which, and why.
    """
    source = check(settings, target, repository)
    print(f"From {source.repository.place}: {source.backup.label}", flush=True)
    with _users_stopped(settings):
        if not lossy:
            _save_newest_writes(settings)
        replaced = _set_aside(settings)
        try:
            _bring_here(settings, source, sessions)
        except BaseException:
            _put_back(settings, replaced)
            raise
        back = files.bring_back(settings, source.repository, source.target.at)
        print(f"Brought back {back} files.", flush=True)
    print(f"Restored. The replaced data is kept in {replaced}.", flush=True)


def beside(settings: Settings, target: str, repository: int) -> None:
    """Restore into a cluster beside the live one, which stays as it is.

    Raises:
        Fault: as `check`; or there is such a cluster already.
    """
    source = choose(settings, parse(target), repository)
    scratch = Scratch(settings, SCRATCH)
    scratch.restore(source)
    try:
        scratch.start()
    except BaseException:
        scratch.remove()
        raise
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
        if ready:
            raise Fault(
                f"the server is down, and {len(ready)} segments of its WAL are not in the archive; "
                "start it, or give their writes up with --lossy"
            ) from None
    except Fault as fault:
        raise Fault(f"{fault}; or give the newest writes up with --lossy") from None


def _set_aside(settings: Settings) -> Path:
    run("systemctl", "stop", settings.unit)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    replaced = settings.data.with_name(f"{settings.data.name}{REPLACED}{stamp}")
    if settings.data.exists():
        settings.data.rename(replaced)
    for folder in settings.files:
        if Path(folder).is_dir():
            # Links: the files never change, and the clean-up takes only names away.
            run("cp", "--archive", "--link", folder, f"{folder}{REPLACED}{stamp}")
    return replaced


def _put_back(settings: Settings, replaced: Path) -> None:
    with suppress(Fault):
        run("systemctl", "stop", settings.unit)
    if replaced.exists():
        shutil.rmtree(settings.data, ignore_errors=True)
        replaced.rename(settings.data)
        run("systemctl", "start", settings.unit)
        print("The replaced cluster is back.", flush=True)


def _bring_here(settings: Settings, source: Source, sessions: str) -> None:
    settings.data.mkdir(mode=0o700)
    shutil.chown(settings.data, "postgres", "postgres")
    pgbackrest(*source.options(), "restore", repository=source.repository)
    begun = time.time()
    run("systemctl", "start", "--no-block", settings.unit)
    _await_recovered(settings, begun)
    words = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
    said = ["--set", f"sessions={sessions}", "--dbname", DATABASE]
    run("psql", *words, *said, user="postgres", text=settings.after_restore)


def _await_recovered(settings: Settings, begun: float) -> None:
    log = Path(f"/var/log/postgresql/postgresql-{settings.version}-main.log")
    beginning = log.stat().st_size if log.exists() else 0
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
            with log.open(errors="replace") as file:
                file.seek(beginning, os.SEEK_SET)
                fatal = [line for line in file if "FATAL:" in line and "starting up" not in line]
            if fatal and "not yet accepting" not in fatal[-1]:
                raise Fault(f"PostgreSQL: {fatal[-1].partition('FATAL:')[2].strip()}") from None
        time.sleep(0.5)
    raise Fault("the restored cluster does not end its recovery")
