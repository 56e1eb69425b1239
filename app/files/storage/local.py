"""Files on the local disk, uploaded and downloaded through this API by signed links."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import structlog

from app.errors import Unavailable
from app.files.keys import ObjectKey, parse_key, upload_key
from app.files.links import sign_link
from app.files.models import UserFile
from app.files.storage import (
    CHUNK_BYTES,
    ObjectChanged,
    ObjectMissing,
    OpenObject,
    SignedRequest,
    StoredObject,
)

UPLOAD_TYPE = "application/octet-stream"

logger = structlog.get_logger(__name__)


class LocalStorage:
    """One file per object; whatever breaks off leaves no half object under a key."""

    links_end = True

    def __init__(self, folder: Path, public_url: str) -> None:
        """
        Args:
            folder: holds the objects; made when missing.
            public_url: where clients reach this API.
        """
        self.folder = folder
        self.public_url = public_url

    def sign_upload(self, file: UserFile, seconds: int) -> SignedRequest:
        """A link to this API's own `PUT …/content`."""
        link = sign_link("PUT", file, seconds)
        return SignedRequest(
            "PUT",
            f"{self.public_url}/v1/files/{file.id}/content?{link.query}",
            {"Content-Type": UPLOAD_TYPE},
            link.expires_at,
        )

    def sign_download(self, file: UserFile, seconds: int) -> SignedRequest:
        """A link to this API's own `GET …/download`."""
        link = sign_link("GET", file, seconds)
        return SignedRequest(
            "GET",
            f"{self.public_url}/v1/files/{file.id}/download?{link.query}",
            {},
            link.expires_at,
        )

    def path(self, key: str) -> Path:
        """Where an object is.

        Raises:
            ValueError: it is no key; none of a client's words may become a path.
        """
        _parse(key)
        return self.folder / key

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store an object under a key; when `chunks` raises, nothing is stored.

        Raises:
            Unavailable: the disk is full or fails.
        """
        target = self.path(key)
        part = self._part(key)
        try:
            with _disk():
                part.parent.mkdir(parents=True, exist_ok=True)
                target.parent.mkdir(parents=True, exist_ok=True)
                file = part.open("xb")
            with file:
                for chunk in chunks:
                    with _disk():
                        file.write(chunk)
                with _disk():
                    file.flush()
                    os.fsync(file.fileno())
            with _disk():
                part.replace(target)
                _sync_folder(target.parent)
        finally:
            with suppress(OSError):
                part.unlink()

    def open(self, key: str) -> OpenObject:
        """Read an object; its version is the number of its inode.

        Raises:
            ObjectMissing: there is none.
        """
        with _disk(), _found():
            file = self.path(key).open("rb")
        return OpenObject(str(os.fstat(file.fileno()).st_ino), _chunks(file))

    def promote(self, source: str, target: str, version: str) -> None:
        """Link an object to a second key.

        Raises:
            ObjectMissing: there is no source.
            ObjectChanged: its bytes are others by now.
        """
        part, path = self._part(source), self.path(target)
        try:
            with _disk():
                with _found():
                    part.hardlink_to(self.path(source))
                if str(part.stat().st_ino) != version:
                    raise ObjectChanged(source)
                path.parent.mkdir(parents=True, exist_ok=True)
                part.replace(path)
                _sync_folder(path.parent)
        finally:
            with suppress(OSError):
                part.unlink()

    def delete(self, key: str) -> None:
        """Delete an object; nothing is wrong when there is none."""
        with _disk():
            self.path(key).unlink(missing_ok=True)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects whose keys begin with a prefix, those of one owner together."""
        with _disk():
            yield from self._walk(self.folder / prefix)

    def check(self) -> None:
        """Raise an OSError when the folder cannot be written to."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise PermissionError("the folder of the files is not writable")

    def _part(self, key: str) -> Path:
        # The name of another upload of the owner: should the process die, the clean-up finds one
        # that no file needs.
        return self.path(upload_key(_parse(key).user_id, uuid4()))

    def _walk(self, folder: Path) -> Iterator[StoredObject]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path)
                continue
            with suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                yield StoredObject(
                    path.relative_to(self.folder).as_posix(),
                    found.st_size,
                    datetime.fromtimestamp(found.st_mtime, UTC),
                )


def _parse(key: str) -> ObjectKey:
    parsed = parse_key(key)
    if parsed is None:
        raise ValueError("not the key of an object")
    return parsed


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file, _disk():
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _sync_folder(folder: Path) -> None:
    # The new name outlives a power cut only when its folder is on the disk too.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _found() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectMissing from error


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        logger.error("file storage failed", event_kind="error", exc_info=error)
        raise Unavailable(
            "The file storage does not answer; try again shortly.", headers={"Retry-After": "5"}
        ) from error
