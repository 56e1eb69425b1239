"""Wrapped keys: what lets a second device read the timers, given the passphrase.

A key is never deleted: a device that was away may still bring timers encrypted under it.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.database import owned
from app.database.feed import lock_feed
from app.errors import Conflict, NotFound
from app.extensions import db
from app.operations.metrics import RECORDS_CREATED
from app.products.timers.models import TimerKey
from app.products.timers.schemas import MAX_KEYS, RewrapInput, TimerKeyInput, wrapping_of


class KeysChanged(Conflict):
    """Another device changed the keys; read them again, unwrap them, and decide anew."""

    type = "timer-keys-changed"


def list_keys(user_id: UUID) -> Sequence[TimerKey]:
    """All keys of the user, by id."""
    statement = select(TimerKey).where(TimerKey.user_id == user_id).order_by(TimerKey.id)
    return db.session.scalars(statement.execution_options(populate_existing=True)).all()


def get_key(user_id: UUID, key_id: str) -> TimerKey:
    """Find a key of the user.

    Raises:
        NotFound: the user has none of this id.
    """
    key = db.session.get(TimerKey, (user_id, key_id))
    if key is None:
        raise NotFound("You have no such key.")
    return key


def create_key(user_id: UUID, data: TimerKeyInput) -> tuple[TimerKey, bool]:
    """Store a new key, which becomes the current one.

    A repeat of the request, after a lost reply, finds the key as it is.

    Returns:
        the key, and whether it is new.

    Raises:
        Conflict: the id is taken by another key, or there are as many keys as may be.
        KeysChanged: the current key is not the one that the input replaces.
    """
    lock_feed(user_id)
    fields = wrapping_of(data)
    keys = {key.id: key for key in list_keys(user_id)}
    same = keys.get(data.id)
    if same is not None:
        if _is_wrapped_so(same, fields):
            return same, False
        raise Conflict("The id is taken by another key of yours.")
    current = next((key for key in keys.values() if key.current), None)
    if (current.id if current else None) != data.replaces:
        raise KeysChanged("Another device made a key meanwhile: read the keys again.")
    if len(keys) >= MAX_KEYS:
        raise Conflict(f"There may be {MAX_KEYS} keys at most.")
    if current:
        current.current = False
        # Before the new one: only one may be current at any time.
        db.session.flush()
    key = TimerKey(user_id=user_id, id=data.id, current=True, **fields)
    db.session.add(key)
    db.session.commit()
    RECORDS_CREATED.labels("user_timer_keys").inc()
    return key, True


def rewrap_keys(user_id: UUID, data: RewrapInput) -> Sequence[TimerKey]:
    """Replace the wrappings of all keys at once: the passphrase changed.

    All or none, so that one passphrase opens all keys at any time. A repeat changes nothing.

    Raises:
        KeysChanged: the input does not name exactly the present keys, each in its revision.
    """
    lock_feed(user_id)
    keys = {key.id: key for key in list_keys(user_id)}
    wanted = {key.id: (key.rev, wrapping_of(key)) for key in data.keys}
    if keys.keys() == wanted.keys():
        if all(_is_wrapped_so(keys[key_id], fields) for key_id, (_, fields) in wanted.items()):
            return list(keys.values())
        if all(keys[key_id].rev == rev for key_id, (rev, _) in wanted.items()):
            for key_id, (_, fields) in wanted.items():
                owned.assign(keys[key_id], fields)
            db.session.commit()
            return list_keys(user_id)
    raise KeysChanged("These are not all your keys in their present revisions: read them again.")


def _is_wrapped_so(key: TimerKey, fields: dict[str, Any]) -> bool:
    return all(getattr(key, name) == value for name, value in fields.items())
