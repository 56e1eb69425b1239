"""What other packages add to the export and to the removal of an account."""

from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from app.accounts.reading import Reader

# Yields the path of a file in the export, and its content in chunks.
Exporter = Callable[[Reader], Iterator[tuple[str, Iterable[bytes]]]]
# Called in the transaction that removes a user's rows, before they go; what it returns is called
# after the commit, and may remove what is kept elsewhere.
Purger = Callable[[UUID], Callable[[], None]]

exporters: list[Exporter] = []
purgers: list[Purger] = []


def on_export(exporter: Exporter) -> Exporter:
    """Add files to every export, as a decorator.

    The exporter runs while a client reads, perhaps slowly: it must hold no database connection
    between two chunks, as `Reader.batches` does not. There is no request any more, so what needs
    the app's context enters it for the time of a chunk: `with reader.app.app_context()`.
    """
    exporters.append(exporter)
    return exporter


def on_purge(purger: Purger) -> Purger:
    """Remove what a user has outside the database along with the account, as a decorator."""
    purgers.append(purger)
    return purger
