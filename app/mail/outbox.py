"""Queueing mails, in the transaction of what causes them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import click
import structlog
from flask import current_app
from sqlalchemy import ColumnElement, delete, func, select, text, update

from app.accounts import mailed_tokens
from app.accounts.models import User
from app.database.session import in_scope
from app.errors import Forbidden
from app.extensions import db
from app.mail.letters import compose
from app.mail.models import Mail
from app.operations.metrics import MAILS_QUEUED
from app.settings import Environment

# A mail that could not be sent for so long says nothing of use any more.
WORTH_SENDING = timedelta(days=1)
# Mails of one kind to one address, or caused by one user: nobody's mailbox is to be flooded.
MOST = 3
MOST_WITHIN = timedelta(hours=1)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")

logger = structlog.get_logger(__name__)


class MailOff(Forbidden):
    """This server has no mail server to send by."""

    type = "mail-not-configured"


def require_mail() -> None:
    """Refuse what cannot go on without a mail.

    Raises:
        MailOff: FIVEBOX_SMTP_URL is not set, and this is not development.
    """
    if not _is_on():
        raise MailOff("This server sends no mail; its operator has to set FIVEBOX_SMTP_URL.")


def queue(template: str, recipient: str, user_id: UUID | None) -> None:
    """Queue a mail; the caller commits. Without mail on this server nothing happens.

    In development without a mail server the log shows the mail at once.

    Args:
        template: a file in app/mail/templates.
        recipient: the address.
        user_id: whose mail it is; None to look the address up only when it is sent.
    """
    if not _is_on():
        return
    mail = Mail(
        template=template,
        recipient=recipient,
        user_id=user_id,
        expires_at=datetime.now(UTC) + WORTH_SENDING,
    )
    db.session.add(mail)
    MAILS_QUEUED.labels(template).inc()
    if _is_shown():
        _show(mail)


def may_queue(template: str, recipient: str, user_id: UUID | None) -> bool:
    """Whether one more mail of a kind may go to the address, and be caused by the user.

    Until the caller commits, requests for the same address or user wait: each counts the mail of
    the one before.
    """
    about = Mail.recipient == recipient
    # Users before addresses, whoever comes: no two requests wait for each other in a circle.
    if user_id is not None:
        about |= Mail.user_id == user_id
        db.session.execute(_LOCK, {"name": f"mails of {user_id}"})
    db.session.execute(_LOCK, {"name": f"mails to {recipient}"})
    with in_scope("accounts"):
        recent = db.session.scalar(
            select(func.count()).where(
                Mail.template == template, about, Mail.created_at > func.now() - _within(template)
            )
        )
    return (recent or 0) < MOST


def _within(template: str) -> timedelta:
    # Else whoever asks first for somebody else's mails would leave them without a link that serves.
    return min(MOST_WITHIN, mailed_tokens.LIVES.get(template, MOST_WITHIN))


def withdraw(user_id: UUID, *templates: str) -> None:
    """Send a user's waiting mails of some kinds no more, and end the tokens of those sent.

    The caller holds the lock of the user's row, which whoever makes a token takes too.
    """
    about = (Mail.user_id == user_id) | _names_only_address_of(user_id)
    with in_scope("accounts"):
        db.session.execute(
            update(Mail)
            .where(about, Mail.template.in_(templates), Mail.state == "waiting")
            .values(state="dropped", ended_at=func.now())
            .execution_options(synchronize_session=False)
        )
    mailed_tokens.revoke(user_id, *templates)


def remove_unnamed(user_id: UUID) -> None:
    """Remove the mails that only the user's address tells are theirs; the caller commits.

    No foreign key takes these along with the user, whose row must still be there.
    """
    with in_scope("accounts"):
        db.session.execute(
            delete(Mail)
            .where(_names_only_address_of(user_id))
            .execution_options(synchronize_session=False)
        )


def _names_only_address_of(user_id: UUID) -> ColumnElement[bool]:
    # A mail whose user is looked up only when it is sent is known by the address.
    address = select(User.email).where(User.id == user_id).scalar_subquery()
    return Mail.user_id.is_(None) & (Mail.recipient == address)


def _is_on() -> bool:
    return current_app.extensions["settings"].smtp_url is not None or _is_shown()


def _is_shown() -> bool:
    settings = current_app.extensions["settings"]
    return settings.smtp_url is None and settings.environment is Environment.DEVELOPMENT


def _show(mail: Mail) -> None:
    with in_scope("accounts"):
        db.session.flush()
        message = compose(mail)
        mail.state, mail.ended_at = "sent" if message else "dropped", datetime.now(UTC)
        db.session.flush()
    if message:
        # As a warning, so that a quiet log shows it too.
        logger.warning(
            "mail",
            event_kind="mail",
            to=str(message["To"]),
            subject=str(message["Subject"]),
            text=message.get_content(),
        )
        # And once more as its reader would see it, with a link that a terminal opens.
        heading = f"To: {message['To']}\nSubject: {message['Subject']}"
        click.echo(f"\n{heading}\n\n{message.get_content()}")
