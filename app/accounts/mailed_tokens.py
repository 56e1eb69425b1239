"""Tokens that go out by mail: each proves once, for a while, that its reader has the address."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert

from app.accounts.models import MailedToken
from app.accounts.vault import keyed_digest
from app.database.session import act_as
from app.errors import Problem, Unprocessable
from app.extensions import db

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


def issue(mail_id: UUID, user_id: UUID, purpose: str, email: str) -> str:
    """Make the token of a mail and keep its digest; those of other mails of the purpose end.

    Another attempt to send the mail makes the same token and lets it live anew: whichever copy
    arrives, its link serves. A used one stays used. The caller commits.

    Args:
        mail_id: the mail that it goes out by.
        user_id: whose account it opens.
        purpose: a key of LIVES.
        email: the address that it is mailed to.
    """
    revoke(user_id, purpose)
    token = urlsafe_b64encode(keyed_digest("mailed token", str(mail_id))).rstrip(b"=").decode()
    db.session.execute(
        insert(MailedToken)
        .values(
            digest=_digest(token),
            user_id=user_id,
            purpose=purpose,
            email=email,
            expires_at=datetime.now(UTC) + LIVES[purpose],
        )
        .on_conflict_do_nothing()
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
    db.session.execute(
        delete(MailedToken).where(
            MailedToken.user_id == user_id,
            MailedToken.purpose.in_(purposes),
            MailedToken.used_at.is_(None),
        )
    )


def purge(ended_before: datetime) -> int:
    """Remove tokens that ended before a time; the caller acts in the scope "accounts"."""
    gone = delete(MailedToken).where(MailedToken.expires_at < ended_before)
    return len(db.session.scalars(gone.returning(MailedToken.user_id)).all())


def _digest(token: str) -> bytes:
    # No salt or stretching: without the server's key a token is as good as random.
    return hashlib.sha256(token.encode()).digest()


def refusal() -> Problem:
    """The problem of a token that does not serve."""
    return Unprocessable("token", "is not valid any more; ask for a new mail")
