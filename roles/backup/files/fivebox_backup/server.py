"""Talking to a PostgreSQL server of this host."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2

SOCKETS = "/run/postgresql"


@contextmanager
def connection(database: str, sockets: str = SOCKETS, port: int = 5432) -> Iterator[Any]:
    """Connect as the superuser, with no time limits; each statement is a transaction."""
    account = pwd.getpwnam("postgres")
    root = os.geteuid()
    # The server asks the system who connects.
    os.seteuid(account.pw_uid)
    try:
        session = psycopg2.connect(host=sockets, port=port, dbname=database, user="postgres")
    finally:
        os.seteuid(root)
    try:
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("SET idle_in_transaction_session_timeout = 0")
        yield session
    finally:
        session.close()


def stands_by() -> bool:
    """Whether this server follows the primary of a cluster, which then makes the backups."""
    try:
        with connection("postgres") as session:
            return bool(ask(session, "SELECT pg_is_in_recovery()"))
    except psycopg2.OperationalError:
        # Whoever needs the server tells that it is away.
        return False


def ask(session: Any, statement: str, *values: object) -> Any:
    """The first column of the first row; None when there is no row."""
    with session.cursor() as cursor:
        cursor.execute(statement, values or None)
        row = cursor.fetchone()
    return row[0] if row else None
