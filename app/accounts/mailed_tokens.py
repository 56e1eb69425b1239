"""Tokens that go out by mail: each proves once, for a while, that its reader has the address."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, update

from app.accounts.models import MailedToken
from app.database.session import act_as
from app.errors import Problem, Unprocessable
from app.extensions import db

TOKEN_BYTES = 32
LIVES = {
    "verify-address": timedelta(days=3),
    "reset-password": timedelta(minutes=30),
    "change-address": timedelta(hours=2),
}


@dataclass(frozen=True)
class Proof:
    """Whose token it was, and the address that it proves."""

    user_id: UUID
    email: str


def issue(user_id: UUID, purpose: str, email: str, asked_at: datetime) -> str:
    """Make a token and keep its digest; those made before it was asked for end. The caller commits.

    Those made since stay: a mail that seemed to fail may have arrived, and is sent once more.

    Args:
        user_id: whose account it opens.
        purpose: a key of LIVES.
        email: the address that it is mailed to.
        asked_at: when its mail was queued.
    """
    life = LIVES[purpose]
    _end(user_id, MailedToken.purpose == purpose, MailedToken.expires_at < asked_at + life)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    db.session.add(
        MailedToken(
            digest=_digest(token),
            user_id=user_id,
            purpose=purpose,
            email=email,
            expires_at=datetime.now(UTC) + life,
        )
    )
    return token


def look_up(token: str, purpose: str) -> Proof:
    """Read a token without using it up; the transaction then acts in the scope "accounts".

    Raises:
        Unprocessable: it is unknown, used or too old.
    """
    act_as(None, scope="accounts")
    row = db.session.get(MailedToken, _digest(token))
    if row is None or row.purpose != purpose or row.used_at or row.expires_at <= datetime.now(UTC):
        raise refusal()
    return Proof(row.user_id, row.email)


def use(token: str) -> None:
    """Use up a token that was looked up; the caller commits, acting for its user.

    Raises:
        Unprocessable: another request has just used it.
    """
    used = db.session.scalar(
        update(MailedToken)
        .where(MailedToken.digest == _digest(token), MailedToken.used_at.is_(None))
        .values(used_at=datetime.now(UTC))
        .returning(MailedToken.user_id)
    )
    if used is None:
        raise refusal()


def revoke(user_id: UUID, *purposes: str) -> None:
    """End the user's unused tokens of some purposes."""
    _end(user_id, MailedToken.purpose.in_(purposes))


def _end(user_id: UUID, *which: ColumnElement[bool]) -> None:
    about = (MailedToken.user_id == user_id, MailedToken.used_at.is_(None), *which)
    db.session.execute(delete(MailedToken).where(*about))


def purge(ended_before: datetime) -> int:
    """Remove tokens that ended before a time; the caller acts in the scope "accounts"."""
    gone = delete(MailedToken).where(MailedToken.expires_at < ended_before)
    return len(db.session.scalars(gone.returning(MailedToken.user_id)).all())


def _digest(token: str) -> bytes:
    # No salt or stretching, since the token is random.
    return hashlib.sha256(token.encode()).digest()


def refusal() -> Problem:
    """The problem of a token that does not serve."""
    return Unprocessable("token", "is not valid any more; ask for a new mail")
