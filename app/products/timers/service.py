"""The rules of timers: what the server can keep to without reading one."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from app.database import owned
from app.database.feed import lock_feed
from app.errors import Conflict, Unprocessable
from app.extensions import db
from app.pages import decode_cursor, page_of
from app.products.timers.models import Timer, TimerKey
from app.products.timers.schemas import (
    FIRST_MOMENT,
    LAST_MOMENT,
    TimerFields,
    TimerInput,
    TimerOutput,
    TimerPatch,
    TimersQuery,
)

_CLAIM = text(
    "SELECT bool_and(claim_timer_nonce(:user_id, p.key_id, p.nonce, p.ciphertext)) "
    "FROM unnest(:key_ids, :nonces, :ciphertexts) AS p (key_id, nonce, ciphertext)"
).bindparams(
    bindparam("key_ids", type_=ARRAY(Text)),
    bindparam("nonces", type_=ARRAY(BYTEA)),
    bindparam("ciphertexts", type_=ARRAY(BYTEA)),
)


class NonceReused(Conflict):
    """The nonce was used with this key for another ciphertext; encrypt anew with a fresh one."""

    type = "nonce-reused"


def list_timers(user_id: UUID, query: TimersQuery) -> dict[str, Any]:
    """One page of the user's timers, by the moment they are due."""
    statement = owned.present(Timer, user_id)
    if query.due_from:
        statement = statement.where(Timer.due_at >= query.due_from)
    if query.due_before:
        statement = statement.where(Timer.due_at < query.due_before)
    if query.finished is not None:
        statement = statement.where(Timer.finished == query.finished)
    if query.after:
        last = decode_cursor(query.after, _moment, str)
        statement = statement.where(tuple_(Timer.due_at, Timer.id) > tuple_(*last))
    ordered = statement.order_by(Timer.due_at, Timer.id).limit(query.limit + 1)
    rows = db.session.scalars(ordered).all()
    return page_of(rows, query.limit, lambda row: (row.due_at.isoformat(), row.id))


def get_timer(user_id: UUID, timer_id: str) -> Timer:
    """Find a timer of the user.

    Raises:
        NotFound: the user has none of this id.
    """
    return owned.find(Timer, user_id, timer_id, "You have no such timer.")


def create_timer(user_id: UUID, data: TimerInput) -> tuple[Timer, bool]:
    """Create a timer, or bring a deleted one of this id back with new content.

    A repeat of the request, after a lost reply, finds the timer as it is.

    Returns:
        the timer, and whether it is new.

    Raises:
        Conflict: the id is taken by a timer with other content.
        NonceReused: the nonce served before.
        Unprocessable: the user has no such key.
    """
    lock_feed(user_id)
    fields = data.model_dump(exclude={"id"})
    same = owned.find_repeat(Timer, user_id, data.id, fields, TimerOutput)
    if same:
        return same, False
    claim_nonces(user_id, [fields])
    return owned.store_new(Timer, user_id, data.id, fields), True


def update_timer(user_id: UUID, timer_id: str, data: TimerPatch) -> Timer:
    """Change what the input names.

    Raises:
        NotFound: the user has no such timer.
        PreconditionFailed: it is not the revision that If-Match names.
        NonceReused: the nonce served before.
        Unprocessable: the user has no such key.
        Problem: 422, the result would be no valid timer.
    """
    timer = owned.find_to_change(get_timer, TimerOutput, user_id, timer_id)
    fields = owned.changed(timer, TimerFields, data.given())
    claim_nonces(user_id, [fields])
    owned.assign(timer, fields)
    db.session.commit()
    return timer


def delete_timer(user_id: UUID, timer_id: str) -> None:
    """Delete a timer; it stays as a tombstone for the other devices.

    Raises:
        NotFound: the user has no such timer.
        PreconditionFailed: it is not the revision that If-Match names.
    """
    timer = owned.find_to_change(get_timer, TimerOutput, user_id, timer_id)
    timer.deleted_at = datetime.now(UTC)
    db.session.commit()


def claim_nonces(user_id: UUID, timers: Iterable[Mapping[str, Any]]) -> None:
    """Take the nonces of timers' payloads for them, for ever; also of those that have them already.

    The feed must be locked. A trigger does the same at the commit, for who writes past this.

    Args:
        user_id: whose they are.
        timers: the fields of each, of which those of the payload count.

    Raises:
        NonceReused: a nonce served before, with the same key, for another ciphertext.
        Unprocessable: the user has no such key.
    """
    payloads = [(timer["key_id"], timer["nonce"], timer["ciphertext"]) for timer in timers]
    wanted = {key_id for key_id, _, _ in payloads}
    known = db.session.scalars(
        select(TimerKey.id).where(TimerKey.user_id == user_id, TimerKey.id.in_(wanted))
    ).all()
    if len(known) < len(wanted):
        raise Unprocessable("key_id", "is no key of yours; store it by POST /v1/timer-keys first")
    key_ids, nonces, ciphertexts = zip(*payloads, strict=True)
    parameters = {
        "user_id": user_id,
        "key_ids": list(key_ids),
        "nonces": list(nonces),
        "ciphertexts": list(ciphertexts),
    }
    if db.session.scalar(_CLAIM, parameters) is False:
        raise NonceReused(
            "The nonce was used with this key before, for another ciphertext. That breaks the "
            "encryption of both: encrypt again with a fresh random nonce."
        )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not FIRST_MOMENT <= moment <= LAST_MOMENT:
        raise ValueError(text)
    return moment
