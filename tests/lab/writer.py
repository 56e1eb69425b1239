"""Writes through the app's own pool, and remembers which writes were acknowledged, and when."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.database.pool import engine_options

TABLE = "lab_writes"
THREADS = 4
PAUSE_SECONDS = 0.02


class Writer:
    """Several threads that write one row a transaction, as the requests of the API do."""

    def __init__(self, url: str) -> None:
        """
        Args:
            url: of fivebox_app, as the API has it.
        """
        self.engine: Engine = create_engine(
            url, pool_pre_ping=True, **engine_options(THREADS + 1, 5000)
        )
        self.acknowledged: list[tuple[float, str]] = []
        self._stop = threading.Event()

    @contextmanager
    def writing(self, label: str) -> Iterator[None]:
        """Write meanwhile.

        Args:
            label: begins the rows' names.
        """
        self._stop.clear()
        threads = [
            threading.Thread(target=self._write, args=(f"{label}-{n}",)) for n in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _write(self, label: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            name = f"{label}-{number}"
            try:
                with self.engine.begin() as connection:
                    connection.execute(
                        text(f"INSERT INTO {TABLE} VALUES (:name)"),  # noqa: S608 - a constant
                        {"name": name},
                    )
            except SQLAlchemyError:
                # Not acknowledged: whether it is there does not matter.
                self._stop.wait(0.1)
            else:
                self.acknowledged.append((time.monotonic(), name))
            self._stop.wait(PAUSE_SECONDS)

    def await_writes(self, since: float, limit: float) -> None:
        """Wait until a write that was made after a moment is acknowledged.

        Raises:
            AssertionError: none was within `limit` seconds.
        """
        while not any(at > since for at, _ in reversed(self.acknowledged[-THREADS:])):
            assert time.monotonic() < since + limit, f"no write for {limit:.0f} s"
            time.sleep(0.05)

    def longest_gap(self, since: float) -> float:
        """The longest time without an acknowledged write, in seconds, after a moment."""
        times = [since, *sorted(at for at, _ in list(self.acknowledged) if at >= since)]
        return max((after - before for before, after in pairwise(times)), default=0)

    def lost(self) -> set[str]:
        """The acknowledged writes that the database has not."""
        with self.engine.begin() as connection:
            found = set(connection.scalars(text(f"SELECT name FROM {TABLE}")))  # noqa: S608
        return {name for _, name in self.acknowledged} - found
