"""Signed links to this API's own uploads and downloads: who holds one needs no token."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from flask import current_app
from pydantic import Field

from app.errors import Forbidden
from app.files.models import UserFile
from app.schemas import Input


class LinkQuery(Input):
    """What a signed link carries."""

    user: UUID
    object: UUID = Field(description="The bytes meant; a successor of the file has others.")
    expires: int = Field(ge=0, description="Seconds since 1970.")
    signature: str = Field(description="64 hexadecimal digits; any other is refused as forged.")


@dataclass(frozen=True)
class Link:
    """The query of a signed link, as text, and its end."""

    query: str
    expires_at: datetime


def sign_link(method: str, file: UserFile, seconds: int) -> Link:
    """Allow one method on one file's bytes for some seconds to come."""
    expires = int(time.time()) + seconds
    key = current_app.extensions["settings"].jwt_keys[0]
    signature = _signature(method, file.id, file.user_id, file.object_id, expires, key)
    query = {
        "user": file.user_id,
        "object": file.object_id,
        "expires": expires,
        "signature": signature,
    }
    return Link(urlencode(query), datetime.fromtimestamp(expires, UTC))


def require_link(method: str, file_id: str, query: LinkQuery) -> None:
    """Check a link.

    Raises:
        Forbidden: this server did not sign it so, or it has expired.
    """
    what = (method, file_id, query.user, query.object, query.expires)
    keys = current_app.extensions["settings"].jwt_keys
    given = query.signature.encode()
    if not any(hmac.compare_digest(given, _signature(*what, key).encode()) for key in keys):
        raise Forbidden("The link is not valid; ask for a new one.")
    if query.expires <= time.time():
        raise Forbidden("The link has expired; ask for a new one.")


def _signature(
    method: str, file_id: str, user_id: UUID, object_id: UUID, expires: int, secret: str
) -> str:
    key = hashlib.sha256(b"file link\0" + secret.encode()).digest()
    text = f"{method}\n{file_id}\n{user_id}\n{object_id}\n{expires}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
