"""Log-ins: each is a device with one family of rotating refresh tokens.

Rotation with reuse detection follows RFC 9700, section 4.14.2, with a grace for a reply that was
lost on its way to the client.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from flask import current_app
from sqlalchemy import ColumnElement, func, select, tuple_, update

from app.accounts.authentication import refuse_deleting
from app.accounts.models import Device, User
from app.accounts.schemas import DeviceOutput, TokensOutput
from app.accounts.tokens import (
    RefreshToken,
    new_access_token,
    new_refresh_token,
    parse_refresh_token,
)
from app.analytics.activity import mark_active
from app.audit.recording import record
from app.database.connection import given_up_when_disk_full
from app.database.session import act_as
from app.errors import NotFound, Unauthorized
from app.extensions import db
from app.pages import PageQuery, decode_cursor, page_of
from app.sync.models import SyncSession

GRACE = timedelta(seconds=10)
# Bounds the row; the oldest replies of a client that repeats more often serve no more.
MAX_SIBLINGS = 5
REUSED, REVOKED = "reuse", "revoked"
DISTRUSTED = (REUSED, REVOKED)

logger = structlog.get_logger(__name__)


def open_session(user_id: UUID, name: str, user_agent: str) -> TokensOutput:
    """Add a device to the user's and return its first tokens; the caller commits."""
    device_id = uuid4()
    token = new_refresh_token(device_id)
    db.session.add(
        Device(
            id=device_id,
            user_id=user_id,
            name=name,
            user_agent=user_agent[:300],
            refresh_hash=token.digest,
            expires_at=_expiry(),
        )
    )
    mark_active(user_id)
    return _tokens(user_id, token)


def find_known_device(email: str, text: str) -> UUID | None:
    """Tell which device of an account a refresh token was given to, even one that has ended.

    A device whose token was stolen or that the user revoked counts no more; the transaction then
    acts in the scope "accounts".

    Args:
        email: the account's address.
        text: what the client sent as its last refresh token.
    """
    token = parse_refresh_token(text)
    if token is None:
        return None
    act_as(None, scope="accounts")
    device = db.session.scalar(
        select(Device)
        .join(User, User.id == Device.user_id)
        .where(Device.id == token.device_id, User.email == email)
    )
    if device is None or device.revoked_reason in DISTRUSTED:
        return None
    given = (device.refresh_hash, device.parent_hash, *device.sibling_hashes)
    return device.id if token.digest in given else None


def refresh(text: str) -> TokensOutput:
    """Exchange a refresh token for new tokens.

    While the disk of the database is full it serves again, so that who is logged in stays so.

    Raises:
        Unauthorized: not ours, expired, revoked, or used before (which revokes its family).
        AccountDeleting: its account waits for its deletion.
    """
    token = parse_refresh_token(text)
    if token is None:
        raise Unauthorized("The refresh token is not valid; log in again.")
    with given_up_when_disk_full():
        return _exchange(token)
    device = _device_of(token)
    if not (_is_newest(token, device) or _is_repeated(token, device)):
        raise Unauthorized("This refresh token was used before; log in again.")
    return _tokens(device.user_id, token)


def _device_of(token: RefreshToken, *, lock: bool = False) -> Device:
    act_as(None, scope="accounts")
    device = db.session.get(Device, token.device_id, with_for_update=lock)
    if device is None or device.revoked_at or device.expires_at <= datetime.now(UTC):
        if device is not None:
            refuse_deleting(device.user_id)
        raise Unauthorized("This device is logged out; log in again.")
    return device


def _is_newest(token: RefreshToken, device: Device) -> bool:
    return token.digest == device.refresh_hash or token.digest in device.sibling_hashes


def _is_repeated(token: RefreshToken, device: Device) -> bool:
    """Whether the answer to its exchange may have been lost on the way."""
    return token.digest == device.parent_hash and datetime.now(UTC) - device.rotated_at <= GRACE


def _exchange(token: RefreshToken) -> TokensOutput:
    # The lock makes a refresh and a revocation of one family wait for each other.
    device = _device_of(token, lock=True)
    now = datetime.now(UTC)
    user_id = device.user_id
    act_as(user_id)
    child = new_refresh_token(device.id)
    if _is_newest(token, device):
        device.parent_hash, device.sibling_hashes = token.digest, []
        device.rotated_at = now
    elif _is_repeated(token, device):
        device.sibling_hashes = [device.refresh_hash, *device.sibling_hashes][:MAX_SIBLINGS]
    else:
        device.revoked_at, device.revoked_reason = now, REUSED
        record(
            "account.token_reused", user_id, outcome="refused", subject=("devices", token.device_id)
        )
        db.session.commit()
        logger.warning(
            "refresh token reused",
            event_kind="security",
            user_id=str(user_id),
            device_id=str(token.device_id),
        )
        raise Unauthorized("This refresh token was used before; the device is logged out.")
    device.refresh_hash = child.digest
    device.last_seen_at, device.expires_at = now, _expiry()
    mark_active(user_id)
    db.session.commit()
    return _tokens(user_id, child)


def list_devices(user_id: UUID, current: UUID, query: PageQuery) -> dict[str, Any]:
    """One page of the user's logged-in devices, the last seen first.

    Args:
        user_id: the user.
        current: the calling device, which is marked.
        query: which page.
    """
    key = tuple_(Device.last_seen_at, Device.id)
    synced = (
        select(func.max(SyncSession.last_at), func.max(SyncSession.rev))
        .where(SyncSession.device_id == Device.id)
        .lateral()
    )
    statement = select(Device, *synced.c).where(
        Device.user_id == user_id, Device.revoked_at.is_(None), Device.expires_at > func.now()
    )
    if query.after:
        last = decode_cursor(query.after, datetime.fromisoformat, UUID)
        statement = statement.where(key < tuple_(*last))
    ordered = statement.order_by(Device.last_seen_at.desc(), Device.id.desc())
    rows = [
        DeviceOutput.model_validate(device).model_copy(
            update={"current": device.id == current, "last_sync_at": at, "last_sync_rev": rev}
        )
        for device, at, rev in db.session.execute(ordered.limit(query.limit + 1))
    ]
    return page_of(rows, query.limit, lambda row: (row.last_seen_at.isoformat(), str(row.id)))


def log_out(user_id: UUID, device_id: UUID) -> None:
    """Log the calling device out; nothing is wrong when another one has just done it."""
    _revoke(user_id, "logged out", Device.id == device_id, subject=device_id)


def revoke_device(user_id: UUID, device_id: UUID) -> None:
    """Log one device of the user out.

    Raises:
        NotFound: the user has no such device.
    """
    if not _revoke(user_id, REVOKED, Device.id == device_id, subject=device_id):
        raise NotFound("You have no such device.")


def revoke_all(
    user_id: UUID, *, keep: UUID | None = None, reason: str = "logged out everywhere"
) -> None:
    """Log the user's devices out, all or all but one."""
    _revoke(user_id, reason, Device.id != keep if keep else Device.id.is_not(None))


def _revoke(
    user_id: UUID, reason: str, which: ColumnElement[bool], *, subject: UUID | None = None
) -> int:
    revoked = db.session.execute(
        update(Device)
        .where(Device.user_id == user_id, Device.revoked_at.is_(None), which)
        .values(revoked_at=datetime.now(UTC), revoked_reason=reason)
        .returning(Device.id)
    ).all()
    if revoked:
        record(
            "account.devices_revoked",
            user_id,
            subject=("devices", subject),
            reason=reason,
            count=len(revoked),
        )
    db.session.commit()
    logger.info(
        "devices logged out", event_kind="security", user_id=str(user_id), count=len(revoked)
    )
    return len(revoked)


def _expiry() -> datetime:
    return datetime.now(UTC) + timedelta(days=current_app.extensions["settings"].refresh_token_days)


def _tokens(user_id: UUID, token: RefreshToken) -> TokensOutput:
    lifetime = timedelta(minutes=current_app.extensions["settings"].access_token_minutes)
    return TokensOutput(
        access_token=new_access_token(user_id, token.device_id, lifetime),
        refresh_token=token.text,
        expires_in=int(lifetime.total_seconds()),
        device_id=token.device_id,
    )
