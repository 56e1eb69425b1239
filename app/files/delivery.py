"""How the bytes of a file reach a browser: as data, never as a page of this API."""

from urllib.parse import quote

from flask import Response, current_app, send_file

from app.files.models import UserFile
from app.files.storage import ObjectMissing
from app.files.storage.local import LocalStorage

# The only types that a browser may show by itself; all others are downloads.
INLINE = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"


def served_type(file: UserFile) -> str:
    """The `Content-Type` of a file: texts are UTF-8, as was verified."""
    is_text = file.content_type.startswith("text/")
    return f"{file.content_type}; charset=utf-8" if is_text else file.content_type


def disposition(file: UserFile) -> str:
    """The `Content-Disposition` of a file (RFC 6266), with its name in ASCII and in full."""
    kind = "inline" if file.content_type in INLINE else "attachment"
    plain = file.name.encode("ascii", "replace").decode().replace('"', "_").replace("?", "_")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"


def deliver(file: UserFile, storage: LocalStorage) -> Response:
    """Answer a file of the local disk, whole or the part that `Range` asks for.

    With FIVEBOX_ACCEL_PREFIX nginx sends the bytes (X-Accel-Redirect).

    Raises:
        ObjectMissing: its bytes are gone.
    """
    prefix = current_app.extensions["settings"].accel_prefix
    if prefix:
        response = Response(headers={"X-Accel-Redirect": f"{prefix}{file.object_key}"})
    else:
        try:
            response = send_file(
                storage.path(file.object_key), etag=file.sha256, mimetype=file.content_type
            )
        except FileNotFoundError as error:
            raise ObjectMissing from error
    response.headers["Content-Type"] = served_type(file)
    response.headers["Content-Disposition"] = disposition(file)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    # The link is the permission: a page of any origin that holds it may show the image.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
