"""Names of objects in the storage: made of ids that this server made, never of a client's words.

`<two digits>/<user id>/uploads/<object id>` is what a client puts there, `…/files/<object id>` what
was proven to be as declared. The digits keep a folder of the local disk from growing endless.
"""

import re
from dataclasses import dataclass
from uuid import UUID

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(rf"[0-9a-f]{{2}}/({_UUID})/(uploads|files)/({_UUID})")


@dataclass(frozen=True)
class ObjectKey:
    """The parts of a key."""

    user_id: UUID
    unproven: bool
    object_id: UUID


def owner_prefix(user_id: UUID) -> str:
    """What the keys of a user's objects begin with."""
    return f"{user_id.hex[:2]}/{user_id}/"


def upload_key(user_id: UUID, object_id: UUID) -> str:
    """Key for what a client uploads."""
    return f"{owner_prefix(user_id)}uploads/{object_id}"


def object_key(user_id: UUID, object_id: UUID) -> str:
    """Key for what was proven."""
    return f"{owner_prefix(user_id)}files/{object_id}"


def parse_key(text: str) -> ObjectKey | None:
    """Read a key; None when it is none of ours."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    return ObjectKey(UUID(match[1]), match[2] == "uploads", UUID(match[3]))
