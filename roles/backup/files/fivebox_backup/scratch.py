"""A cluster beside the live one, restored from a backup, small and unreachable from outside."""

import shutil
import time
from pathlib import Path

import psycopg2
from programs import Fault, run
from repository import pgbackrest
from server import connection
from settings import WORK, Settings
from target import Source
from timelines import refuse_shortfall

PORT = 5433
RECOVERY_SECONDS = 4 * 3600
RESERVE_BYTES = 256 * 2**20
CONFIG = """
listen_addresses = ''
port = {port}
unix_socket_directories = '{folder}'
hba_file = '{folder}/pg_hba.conf'
ident_file = '{folder}/pg_ident.conf'
shared_buffers = 32MB
maintenance_work_mem = 32MB
max_connections = 20
max_wal_size = 256MB
# Until it is recovered nobody may read, so that it needs not the live server's sizes.
hot_standby = off
archive_mode = off
autovacuum = off
fsync = off
max_wal_senders = 0
max_worker_processes = 4
max_parallel_workers_per_gather = 0
log_min_messages = fatal
"""


class Scratch:
    """The cluster; its data and socket are in one folder, which `remove` deletes."""

    def __init__(self, settings: Settings, name: str) -> None:
        """
        Args:
            settings: of the role.
            name: of its folder.
        """
        self._settings = settings
        self._segment = ""
        self.folder = WORK / name

    @property
    def data(self) -> Path:
        """Folder of the data."""
        return self.folder / "data"

    def restore(self, source: Source) -> None:
        """Restore into an empty folder.

        Raises:
            Fault: the folder is in use, the disk too small, or the backup does not restore.
        """
        if self.folder.exists():
            raise Fault(f"{self.folder} exists; remove it first: fivebox-backup discard")
        refuse_little_room(self.folder.parent, source)
        self.folder.mkdir(mode=0o700)
        try:
            self._fill(source)
        except BaseException:
            self.remove()
            raise

    def _fill(self, source: Source) -> None:
        (self.folder / "postgresql.conf").write_text(
            CONFIG.format(port=PORT, folder=self.folder).lstrip()
        )
        (self.folder / "pg_hba.conf").write_text("local all postgres peer\n")
        (self.folder / "pg_ident.conf").touch()
        self.data.mkdir(mode=0o700)
        run("chown", "-R", "postgres:postgres", str(self.folder))
        self._segment = source.newest_segment()
        target = [f"--pg1-path={self.data}", "--archive-mode=off", *source.options()]
        pgbackrest(*target, "restore", repository=source.repository)

    def start(self) -> None:
        """Start the server and wait until it has replayed the WAL.

        Raises:
            Fault: it does not get there; nothing of it is left.
        """
        try:
            self._start()
        except BaseException:
            self.remove()
            raise

    def _start(self) -> None:
        # The backup may be of a database whose disk was full.
        options = (
            f"-c config_file={self.folder}/postgresql.conf -c default_transaction_read_only=off"
        )
        command = [str(self._settings.programs / "pg_ctl"), "--pgdata", str(self.data), "--wait"]
        log = self.folder / "log"
        words = ["--timeout", str(RECOVERY_SECONDS), "--log", str(log), "--options", options]
        try:
            run(*command, *words, "start", user="postgres")
            self._await_recovered()
        except Fault as fault:
            said = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
            raise Fault(f"{fault}: {' / '.join(said)}") from None

    def _await_recovered(self) -> None:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < deadline:
            try:
                with connection("postgres", str(self.folder), PORT) as session:
                    if self._segment:
                        refuse_shortfall(session, self._segment)
                    return
            except psycopg2.OperationalError:
                if not (self.data / "postmaster.pid").exists():
                    raise Fault("the restored cluster ended its recovery") from None
                time.sleep(0.2)
        raise Fault("the restored cluster does not end its recovery")

    def remove(self) -> None:
        """Stop the server and delete all it had."""
        if (self.data / "postmaster.pid").exists():
            command = [str(self._settings.programs / "pg_ctl"), "--pgdata", str(self.data)]
            run(*command, "--mode", "immediate", "stop", user="postgres")
        shutil.rmtree(self.folder, ignore_errors=True)


def refuse_little_room(folder: Path, source: Source, more: int = 0) -> None:
    """Refuse a restore that would fill the disk.

    Args:
        folder: that it goes to.
        source: of the restore.
        more: bytes that it needs beside the database.

    Raises:
        Fault: there is too little room.
    """
    free = shutil.disk_usage(folder).free
    needed = source.backup.size + more + RESERVE_BYTES
    if free < needed:
        raise Fault(
            f"{folder} has {free / 2**20:.0f} MiB free and what is restored needs "
            f"{needed / 2**20:.0f}; make room (fivebox-backup discard removes replaced data)"
        )
