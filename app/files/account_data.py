"""The bytes of a user's files, in the export and the removal of the account."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from uuid import UUID

from app.accounts.hooks import on_export, on_purge
from app.accounts.reading import Reader
from app.database.session import act_as
from app.files.holdings import Holding, delete_objects, stored_files


@on_export
def export_files(reader: Reader) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Each stored file, under its id: two may have one name; `user_files.json` has the names."""
    with reader.app.app_context():
        act_as(reader.user_id)
        files = stored_files(reader.user_id)
    for file in files:
        yield f"files/{file.id}", _bytes(reader, file)


def _bytes(reader: Reader, file: Holding) -> Iterator[bytes]:
    with reader.app.app_context():
        chunks = file.read()
    yield from chunks


@on_purge
def remove_files(user_id: UUID) -> Callable[[], None]:
    """The objects go after the rows; what is left by a fault then, the clean-up removes."""
    return partial(_remove, user_id)


def _remove(user_id: UUID) -> None:
    delete_objects(user_id)
