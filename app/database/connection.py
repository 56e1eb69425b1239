"""The driver's connection, with less work and fewer round trips than psycopg's own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.errors import DiskFull, ReadOnlySqlTransaction, error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from sqlalchemy.exc import DBAPIError

from app.extensions import db

# Called with each statement that SQLAlchemy's events do not tell of.
observers: set[Callable[[str], None]] = set()

_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Connection(psycopg.Connection[Any]):
    """A connection of the pool; its transactions are begun by `run`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._last: list[str] = []

    def run(self, statements: str) -> None:
        """Run statements without parameters whose results nobody wants.

        This is libpq's plain call: no cursor is made, nothing is looked up or converted.

        Raises:
            psycopg.Error: one of them failed, and those after it did not run.
        """
        result = self.pgconn.exec_(statements.encode())
        if result.status in _DONE:
            return
        if result.error_field(DiagnosticField.SQLSTATE) is None:
            # It is not the server that speaks.
            raise psycopg.OperationalError(result.get_error_message())
        raise error_from_result(result)

    def send_last(self, statement: str, parameters: Mapping[str, Any]) -> None:
        """Keep a statement for the round trip of the COMMIT, which must come next.

        Args:
            statement: one whose result nobody wants; it fails the COMMIT when it fails.
            parameters: they become part of its text, which PostgreSQL may log: ids and counts.
        """
        self._last.append(psycopg.ClientCursor(self).mogrify(statement, parameters))

    def take_last(self) -> list[str]:
        """The statements to run before the COMMIT, once."""
        last, self._last = self._last, []
        return last

    def rollback(self) -> None:
        """Roll back.

        psycopg forgets with it all that is prepared, lest a table be another one afterwards. Here
        none is made in a transaction; and a request that only reads ends so, and all that it asks
        would be planned anew each time. After an error it does forget, which heals statements that
        a migration broke.
        """
        self._last.clear()
        status = self.pgconn.transaction_status
        if status == TransactionStatus.INTRANS:
            self.run("ROLLBACK")
        elif status != TransactionStatus.IDLE:
            super().rollback()


def execute(statement: str, parameters: Mapping[str, Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run plain SQL in the session's transaction; what every request needs, and sync.

    It is the driver's own call: what SQLAlchemy adds to a statement costs more than the statement.
    Writes of owned rows are not counted; the caller notes them (`app.audit.writes.note`).

    Args:
        statement: with named parameters, `%(name)s`.
        parameters: its values.

    Raises:
        DBAPIError: as a statement through SQLAlchemy does.
    """
    connection = db.session.connection()
    driver: Any = connection.connection.driver_connection
    _tell(statement)
    try:
        cursor: psycopg.Cursor[tuple[Any, ...]] = driver.execute(statement, parameters)
    except psycopg.Error as error:
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True
        ) from error
    return cursor


def commit_with(statement: str, parameters: Mapping[str, Any]) -> None:
    """Run a statement in the round trip of the session's COMMIT, which the caller does next.

    Args:
        statement: plain SQL, as `Connection.send_last` takes it.
        parameters: its values.
    """
    driver: Any = db.session.connection().connection.driver_connection
    driver.send_last(statement, parameters)
    _tell(statement)


def is_disk_full(error: Exception) -> bool:
    """Whether a write was refused because of the database's disk.

    It is made read-only shortly before the disk is full (roles/postgresql), as without room for its
    WAL it could not even be read. A primary that has just become a standby refuses alike.
    """
    full = DiskFull | ReadOnlySqlTransaction
    return isinstance(error, DBAPIError) and isinstance(error.orig, full)


@contextmanager
def given_up_when_disk_full() -> Iterator[None]:
    """Do without what is written and committed inside when the database's disk is full."""
    try:
        yield
    except DBAPIError as error:
        if not is_disk_full(error):
            raise
        db.session.rollback()


def _tell(statement: str) -> None:
    for observer in observers:
        observer(statement)
