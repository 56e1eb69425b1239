"""Uploads and downloads by signed link, of the storage on the local disk."""

from collections.abc import Iterator
from typing import IO

import structlog
from flask import Response, current_app, request

from app.database.session import act_as
from app.errors import Conflict, NotFound, Problem, Unprocessable
from app.extensions import db
from app.files.delivery import deliver
from app.files.links import LinkQuery, require_link
from app.files.models import UserFile
from app.files.service import discard
from app.files.storage import CHUNK_BYTES, ObjectMissing
from app.files.storage.local import LocalStorage
from app.files.verification import verify
from app.operations.metrics import FILE_BYTES

logger = structlog.get_logger(__name__)


def receive(file_id: str, query: LinkQuery) -> None:
    """Store the request's body as the upload of a file, unless it is other than declared.

    Raises:
        Forbidden: the link is not valid.
        NotFound: its file is gone.
        Conflict: the file is stored already.
        Unprocessable: size or checksum are not as declared.
        Unavailable: the disk fails.
    """
    storage, file = _open_link("PUT", file_id, query)
    _require_pending(file)
    length = request.content_length
    if length is not None and length != file.size:
        raise Unprocessable("size", f"{file.size} bytes were declared, the request has {length}")
    # Instead of the limit of JSON bodies; one byte more shows a body of untold length going on.
    request.max_content_length = file.size + 1
    storage.write(file.upload_key, verify(_read(request.stream), file))
    try:
        _require_pending(_find(file_id, query))
    except Problem:
        # Deleted or stored while the bytes came: no quota would count them.
        discard(storage, file.upload_key)
        raise


def send(file_id: str, query: LinkQuery) -> Response:
    """Answer the bytes of a file.

    Raises:
        Forbidden: the link is not valid.
        NotFound: its file is gone.
    """
    storage, file = _open_link("GET", file_id, query)
    try:
        response = deliver(file, storage)
    except ObjectMissing:
        logger.error("file without bytes", event_kind="error", key=file.object_key)
        raise NotFound("The bytes of this file are lost.") from None
    FILE_BYTES.labels("sent").inc(response.content_length or 0)
    return response


def _open_link(method: str, file_id: str, query: LinkQuery) -> tuple[LocalStorage, UserFile]:
    storage = current_app.extensions["file_storage"]
    if not isinstance(storage, LocalStorage):
        raise NotFound("The files are in a bucket; ask for its link.")
    require_link(method, file_id, query)
    return storage, _find(file_id, query)


def _find(file_id: str, query: LinkQuery) -> UserFile:
    act_as(query.user)
    file = db.session.get(UserFile, (query.user, file_id))
    if file is None or file.deleted_at or file.object_id != query.object:
        raise NotFound("The file of this link is gone.")
    db.session.expunge(file)
    # Gives the connection back before the slow transfer.
    db.session.commit()
    return file


def _require_pending(file: UserFile) -> None:
    if file.state == "stored":
        raise Conflict("The file is stored already.")


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk
