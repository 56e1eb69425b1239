"""What the API and the process of the streams say to each other through Redis."""

from dataclasses import dataclass

import orjson

CHANNEL = "fivebox:events"
# Devices whose access tokens may still be valid: id -> when the last of those ends, in seconds.
REVOKED = "fivebox:events:revoked"


@dataclass(frozen=True)
class Change:
    """A user's rows changed; `rev` is their newest revision."""

    user_id: str
    rev: int


@dataclass(frozen=True)
class Revocation:
    """These devices were logged out."""

    device_ids: tuple[str, ...]


Message = Change | Revocation


def encode(message: Message) -> bytes:
    """Write a message as it travels."""
    if isinstance(message, Change):
        return orjson.dumps({"user": message.user_id, "rev": message.rev})
    return orjson.dumps({"revoked": message.device_ids})


def decode(data: bytes) -> Message:
    """Read a message.

    Raises:
        ValueError: it is none of ours.
    """
    try:
        body = orjson.loads(data)
        if "revoked" in body:
            return Revocation(tuple(map(str, body["revoked"])))
        return Change(str(body["user"]), int(body["rev"]))
    except (KeyError, TypeError):
        raise ValueError("not a message of live updates") from None
