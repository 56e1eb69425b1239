"""Bytes against what was declared of them."""

import hashlib
from collections.abc import Iterable, Iterator

from app.errors import Unprocessable
from app.files.models import UserFile
from app.files.sniffing import HEAD_BYTES, agrees


def verify(chunks: Iterable[bytes], file: UserFile, *, sniffed: bool = False) -> Iterator[bytes]:
    """Pass the bytes of a file on, and raise unless they are what was declared of it.

    Args:
        chunks: the bytes.
        file: the declaration.
        sniffed: compare the type too.

    Raises:
        Unprocessable: after the last byte, or before when they are too many.
    """
    digest, size, head = hashlib.sha256(), 0, bytearray()
    for chunk in chunks:
        size += len(chunk)
        if size > file.size:
            break
        digest.update(chunk)
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
        yield chunk
    if size != file.size:
        has = "more" if size > file.size else str(size)
        raise Unprocessable("size", f"{file.size} bytes were declared, the upload has {has}")
    if digest.hexdigest() != file.sha256:
        raise Unprocessable("sha256", "the upload's bytes are not those that were declared")
    if sniffed and not agrees(file.content_type, bytes(head)):
        raise Unprocessable("content_type", f"the upload is no {file.content_type}")
