"""What a mailed link proves: the address of an account, a new address, or the right to a password.

Each has a request, which queues the mail, and a second step, which takes the token of its link.
"""

from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import IntegrityError

from app.accounts import mailed_tokens, second_factor, sessions, throttle
from app.accounts.models import User
from app.accounts.passwords import hash_password, refuse_obvious, require_password
from app.accounts.schemas import (
    ChangeAddressInput,
    MailedTokenInput,
    RequestResetInput,
    ResetPasswordInput,
)
from app.audit.recording import record
from app.database.session import act_as
from app.errors import Conflict, TooManyRequests, Unprocessable
from app.extensions import db
from app.mail import outbox

logger = structlog.get_logger(__name__)


def request_verification(user: User) -> None:
    """Mail the link that verifies the user's address, again.

    Raises:
        MailOff: this server sends no mail.
        Conflict: the address is verified.
        TooManyRequests: that was asked too often.
    """
    outbox.require_mail()
    if user.email_verified_at:
        raise Conflict("Your address is verified.")
    _refuse_flood("verify-address", user.email, user)
    outbox.queue("verify-address", user.email, user.id)
    db.session.commit()


def verify_address(data: MailedTokenInput) -> None:
    """Mark the address that a token proves as verified.

    Raises:
        Unprocessable: the token does not serve.
    """
    user, _email = _redeem(data.token, "verify-address")
    user_id, user.email_verified_at = user.id, datetime.now(UTC)
    record("account.address_verified", user_id)
    db.session.commit()
    logger.info("address verified", event_kind="security", user_id=str(user_id))


def request_reset(data: RequestResetInput) -> None:
    """Mail a link to choose a new password, if the address has an account.

    Whether it has one is looked up only when the mail is sent: this does the same, and takes the
    same time, for any address. The same goes for the mails that are too many.

    Raises:
        MailOff: this server sends no mail.
    """
    outbox.require_mail()
    act_as(None, scope="accounts")
    if outbox.may_queue("reset-password", data.email, None):
        outbox.queue("reset-password", data.email, None)
    db.session.commit()


def reset_password(data: ResetPasswordInput) -> None:
    """Set a new password and log all devices out.

    A second factor stays on if the address was verified before; else who enrolled it may have
    registered a foreign address, whose owner it would keep out.

    Raises:
        Unprocessable: the token does not serve, or the password is easy to guess.
    """
    email = mailed_tokens.look_up(data.token, "reset-password").email
    # Gives the connection back before the slow hash.
    db.session.commit()
    refuse_obvious("new_password", data.new_password, email)
    password_hash = hash_password(data.new_password)
    user, email = _redeem(data.token, "reset-password")
    user_id, user.password_hash = user.id, password_hash
    dropped = user.email_verified_at is None and second_factor.drop(user)
    user.email_verified_at = user.email_verified_at or datetime.now(UTC)
    outbox.withdraw(user_id, *mailed_tokens.LIVES)
    outbox.queue("password-changed", email, user_id)
    record("account.password_reset", user_id)
    sessions.revoke_all(user_id, reason="password reset")
    # Whoever has the mailbox may log in here, even while others guess.
    throttle.know_address(email)
    if dropped:
        logger.warning("second factor off", event_kind="security", user_id=str(user_id))
    logger.info("password reset", event_kind="security", user_id=str(user_id))


def request_change(user: User, data: ChangeAddressInput) -> None:
    """Mail a link that confirms a new address to it, and a notice to the old one.

    The answer does not tell whether the new address has an account; if so, it gets no mail.

    Raises:
        MailOff: this server sends no mail.
        Unprocessable: the password is wrong, or the address is the present one.
        TooManyRequests: that was asked too often.
    """
    outbox.require_mail()
    if data.new_email == user.email:
        raise Unprocessable("new_email", "is your address already")
    require_password(user, data.password)
    _refuse_flood("change-address", data.new_email, user)
    outbox.queue("change-address", data.new_email, user.id)
    outbox.queue("address-change-asked", user.email, user.id)
    db.session.commit()
    logger.info("change of address asked", event_kind="security", user_id=str(user.id))


def change_address(data: MailedTokenInput) -> None:
    """Give the account the address that a token proves; the old one gets a notice.

    Raises:
        Unprocessable: the token does not serve.
        Conflict: the address has got an account meanwhile.
    """
    user, new = _redeem(data.token, "change-address")
    user_id, old = user.id, user.email
    user.email, user.email_verified_at = new, datetime.now(UTC)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("This address has an account; use another one.") from None
    # Links to the old address must not open the account any more.
    outbox.withdraw(user_id, *mailed_tokens.LIVES)
    outbox.queue("address-changed", old, user_id)
    record("account.address_changed", user_id)
    db.session.commit()
    logger.info("address changed", event_kind="security", user_id=str(user_id))


def _redeem(token: str, purpose: str) -> tuple[User, str]:
    """Use a token up; its user, locked, and the address it proves. The caller commits."""
    proof = mailed_tokens.look_up(token, purpose)
    act_as(proof.user_id)
    # The user first: a change of the password locks in this order too.
    user = db.session.get_one(User, proof.user_id, with_for_update={"key_share": True})
    if purpose != "change-address" and user.email != proof.email:
        raise mailed_tokens.refusal()
    mailed_tokens.use(token)
    return user, proof.email


def _refuse_flood(template: str, recipient: str, user: User) -> None:
    if not outbox.may_queue(template, recipient, user.id):
        raise TooManyRequests(
            "Too many such mails; try again in an hour.",
            headers={"Retry-After": str(int(outbox.MOST_WITHIN.total_seconds()))},
        )
