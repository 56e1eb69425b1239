"""The rules of files: declare, upload, complete; then they can be downloaded."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from flask import current_app

from app.database import owned
from app.database.feed import lock_feed
from app.errors import Conflict, Unavailable, Unprocessable
from app.extensions import db
from app.files import limits
from app.files.models import UserFile
from app.files.schemas import FileInput, FileOutput, FilesQuery
from app.files.storage import (
    ObjectChanged,
    ObjectMissing,
    SignedRequest,
    Storage,
    current_storage,
)
from app.files.verification import verify
from app.operations.metrics import FILE_BYTES

logger = structlog.get_logger(__name__)


def list_files(user_id: UUID, query: FilesQuery) -> dict[str, Any]:
    """One page of the user's files, by id."""
    statement = owned.present(UserFile, user_id)
    if query.purpose is not None:
        statement = statement.where(UserFile.purpose == query.purpose)
    return owned.page_by_id(UserFile, statement, query)


def get_file(user_id: UUID, file_id: str) -> UserFile:
    """Find a file of the user.

    Raises:
        NotFound: the user has none of this id.
    """
    return owned.find(UserFile, user_id, file_id, "You have no such file.")


def create_file(user_id: UUID, data: FileInput) -> tuple[UserFile, bool]:
    """Declare a file, or bring a deleted one of this id back with new content.

    A repeat of the request, after a lost reply, finds the file as it is.

    Returns:
        the file, and whether it is new.

    Raises:
        Unprocessable: there is no such purpose, or it does not take this type.
        FileTooLarge: it is larger than the purpose or the settings allow.
        QuotaExceeded: the user has no room for it.
        TooManyRequests: the user declared too much today, and a bucket has the files.
        Conflict: the id is taken by a file with other content.
    """
    limits.require_allowed(data)
    lock_feed(user_id)
    fields = data.model_dump(exclude={"id"})
    same = owned.find_repeat(UserFile, user_id, data.id, fields, FileOutput)
    if same:
        return same, False
    limits.require_room(user_id, data.size)
    if not current_storage().links_end:
        limits.require_allowance(user_id, data.size)
    fields |= {"object_id": uuid4(), "state": "pending", "stored_at": None}
    return owned.store_new(UserFile, user_id, data.id, fields), True


def sign_upload(file: UserFile) -> SignedRequest | None:
    """The request that uploads a file; None when it is stored."""
    if file.state == "stored":
        return None
    return current_storage().sign_upload(file, _link_seconds())


def complete_upload(user_id: UUID, file_id: str) -> UserFile:
    """Prove that what was uploaded is what was declared; from then on the file is stored.

    Raises:
        NotFound: the user has no such file.
        Conflict: nothing was uploaded.
        Unprocessable: it is not what was declared; it may be uploaded again.
        Unavailable: the storage does not answer.
    """
    file = get_file(user_id, file_id)
    if file.state == "stored":
        return file
    _take_apart(file)
    storage = current_storage()
    arrived = _prove(storage, file)
    lock_feed(user_id)
    found = get_file(user_id, file_id)
    if found.object_id != file.object_id:
        raise Conflict("The file was replaced while its upload was completed.")
    if found.state == "stored":
        return found
    if not arrived:
        raise Conflict("Nothing was uploaded; send the bytes to the upload URL first.")
    found.state, found.stored_at = "stored", datetime.now(UTC)
    db.session.commit()
    FILE_BYTES.labels("stored").inc(file.size)
    discard(storage, file.upload_key)
    return found


def sign_download(user_id: UUID, file_id: str) -> SignedRequest:
    """The request that downloads a file.

    Raises:
        NotFound: the user has no such file.
        Conflict: it is not stored yet.
    """
    file = get_file(user_id, file_id)
    if file.state != "stored":
        raise Conflict("The file is not stored yet; complete its upload first.")
    return current_storage().sign_download(file, _link_seconds())


def delete_file(user_id: UUID, file_id: str) -> None:
    """Delete a file; its row stays as a tombstone, with a new revision.

    Its bytes go at once if the storage answers, else with the next clean-up.

    Raises:
        NotFound: the user has no such file.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    file = owned.find_to_change(get_file, FileOutput, user_id, file_id)
    file.deleted_at = datetime.now(UTC)
    db.session.flush()
    _take_apart(file)
    storage = current_storage()
    discard(storage, file.upload_key)
    if file.state == "stored" and discard(storage, file.object_key):
        FILE_BYTES.labels("removed").inc(file.size)


def discard(storage: Storage, key: str) -> bool:
    """Delete an object that nothing needs, if the storage answers; the clean-up finds the rest."""
    try:
        storage.delete(key)
    except Unavailable:
        logger.warning("object left for the clean-up", event_kind="files", key=key)
        return False
    return True


def _prove(storage: Storage, file: UserFile) -> bool:
    """Verify the upload and keep it where no client can write; False when there is none."""
    try:
        upload = storage.open(file.upload_key)
        for _ in verify(upload.chunks, file, sniffed=True):
            pass
        storage.promote(file.upload_key, file.object_key, upload.version)
    except ObjectMissing:
        # Never sent, or completed by another request just now.
        return False
    except ObjectChanged:
        raise Conflict("Something else is being uploaded; complete it afterwards.") from None
    except Unprocessable as problem:
        discard(storage, file.upload_key)
        logger.warning("upload refused", event_kind="files", errors=problem.extra["errors"])
        raise
    return True


def _take_apart(file: UserFile) -> None:
    # Keeps the row's values through the commit, which gives the connection back before the slow
    # storage.
    db.session.expunge(file)
    db.session.commit()


def _link_seconds() -> int:
    seconds: int = current_app.extensions["settings"].file_url_seconds
    return seconds
