"""Where the bytes of files are: one interface, over local disk or any service with the S3 API."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flask import current_app

from app.files.models import UserFile
from app.settings import Settings

CHUNK_BYTES = 65_536


class ObjectMissing(Exception):
    """The storage has no object of this key."""


class ObjectChanged(Exception):
    """The object is no longer the one that was read."""


@dataclass(frozen=True)
class SignedRequest:
    """A request that anyone who holds it may send, until it expires."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True)
class OpenObject:
    """An object being read.

    Attributes:
        version: tells these bytes from later ones under the same key.
        chunks: the bytes; may raise Unavailable when the storage goes away meanwhile.
    """

    version: str
    chunks: Iterator[bytes]


@dataclass(frozen=True)
class StoredObject:
    """An object of a listing; `modified` by the storage's clock."""

    key: str
    size: int
    modified: datetime


class Storage(Protocol):
    """What a storage can do; every method raises `Unavailable` when it does not answer.

    Attributes:
        links_end: whether the upload link of a file that is stored or deleted is refused at once,
            or only when it expires.
    """

    links_end: bool

    def sign_upload(self, file: UserFile, seconds: int) -> SignedRequest:
        """A request that puts the file's bytes under its `upload_key`."""
        ...

    def sign_download(self, file: UserFile, seconds: int) -> SignedRequest:
        """A request that gets the file's bytes from under its `object_key`."""
        ...

    def open(self, key: str) -> OpenObject:
        """Read an object.

        Raises:
            ObjectMissing: there is none.
        """
        ...

    def promote(self, source: str, target: str, version: str) -> None:
        """Let an object be found under a second key, whole or not at all.

        Args:
            source: its key.
            target: the second key.
            version: of the bytes meant, as `open` gave it.

        Raises:
            ObjectMissing: there is no source.
            ObjectChanged: its bytes are others by now.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete an object; nothing is wrong when there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects of all owners, or of one by their prefix; those of one come together."""
        ...

    def check(self) -> None:
        """Raise an error when the storage cannot be used."""
        ...


def open_storage(settings: Settings) -> Storage:
    """The storage of the settings: S3 when they name a bucket, else the local disk."""
    if settings.s3_bucket:
        # boto3 and its client take 37 MB of memory: that is for those who use it.
        from app.files.storage.s3 import S3Storage

        return S3Storage(settings)
    from app.files.storage.local import LocalStorage

    return LocalStorage(settings.files_dir, settings.public_url)


def current_storage() -> Storage:
    """The storage of the running app."""
    storage: Storage = current_app.extensions["file_storage"]
    return storage
