"""The bytes of a user's files, in the export and the removal of the account."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from uuid import UUID

import orjson
import structlog

from app.accounts.hooks import on_export, on_purge
from app.accounts.reading import Reader
from app.database.session import act_as
from app.files.holdings import delete_objects, stored_files
from app.files.storage import ObjectMissing

logger = structlog.get_logger(__name__)


@on_export
def export_files(reader: Reader) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Each stored file, under its id: two may have one name; `user_files.json` has the names.

    One whose bytes are lost, or deleted since the export began, is in `files/missing.json`.
    """
    with reader.app.app_context():
        act_as(reader.user_id)
        files = stored_files(reader.user_id)
    missing = []
    for file in files:
        # Before its entry begins: the zip could not take that back.
        try:
            with reader.app.app_context():
                chunks = file.read()
        except ObjectMissing:
            logger.warning("file without bytes", event_kind="error", key=file.key)
            missing.append({"id": file.id, "name": file.name})
            continue
        yield f"files/{file.id}", chunks
    if missing:
        # No file has this path: an id has no dot.
        yield "files/missing.json", [orjson.dumps(missing)]


@on_purge
def remove_files(user_id: UUID) -> Callable[[], None]:
    """The objects go after the rows; what is left by a fault then, the clean-up removes."""
    return partial(_remove, user_id)


def _remove(user_id: UUID) -> None:
    delete_objects(user_id)
