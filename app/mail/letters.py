"""What a queued mail says: written when it is sent, since only then is its token made."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import idna
from flask import current_app
from sqlalchemy import select

from app.accounts import mailed_tokens
from app.accounts.models import User
from app.extensions import db
from app.mail.models import Mail
from app.mail.templates import write
from app.settings import Settings


def compose(mail: Mail) -> EmailMessage | None:
    """Write a mail, with its token when its kind has one; the caller commits.

    The transaction acts in the scope "accounts".

    Returns:
        the message, or None when there is nobody to write to or nothing to say any more.
    """
    # Under the lock of the user, as all that ends their tokens: none is made behind its back.
    user = _reader(mail)
    if user is None:
        return None
    db.session.refresh(mail, ["state"])
    if _is_pointless(mail, user):
        return None
    values: dict[str, str] = {}
    if mail.template in mailed_tokens.LIVES:
        token = mailed_tokens.issue(mail.id, user.id, mail.template, mail.recipient)
        # Behind the "#", which browsers keep to themselves: no server's log shows the token.
        values["link"] = f"{_app_url()}/{mail.template}#token={token}"
    text = write(mail.template, user.locale, **values)
    message = EmailMessage()
    message["To"] = _in_letters_of_dns(mail.recipient)
    message["Subject"] = text.subject
    message["Date"] = format_datetime(mail.created_at)
    # RFC 3834: nobody's holiday notice is to answer.
    message["Auto-Submitted"] = "auto-generated"
    sender = current_app.extensions["settings"].mail_from
    if sender:
        address = _in_letters_of_dns(sender.email)
        message["From"] = Address(sender.name, addr_spec=address)
        # One id for all attempts: a reader's mailbox can tell a repeat.
        message["Message-ID"] = f"<{mail.id}@{address.rpartition('@')[2]}>"
    message.set_content(text.body)
    # Only now: setting the content removes what describes it.
    message["Content-Language"] = text.language
    return message


def _in_letters_of_dns(address: str) -> str:
    """An address whose domain any mail server understands (RFC 5891), also without SMTPUTF8."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError:
        # The mail server is to say what is wrong with it, and only this mail is put off.
        return address


def _reader(mail: Mail) -> User | None:
    is_reader = User.email == mail.recipient if mail.user_id is None else User.id == mail.user_id
    return db.session.scalar(select(User).where(is_reader).with_for_update(key_share=True))


def _is_pointless(mail: Mail, user: User) -> bool:
    if mail.state != "waiting" or _has_successor(mail):
        return True
    if mail.template == "verify-address":
        return user.email != mail.recipient or user.email_verified_at is not None
    if mail.template == "change-address":
        taken = select(User.id).where(User.email == mail.recipient)
        return db.session.scalar(taken) is not None
    return False


def _has_successor(mail: Mail) -> bool:
    """Whether a newer mail has ended the link of this one, and would lose its own to it."""
    if mail.template not in mailed_tokens.LIVES:
        return False
    is_readers = (
        Mail.recipient == mail.recipient if mail.user_id is None else Mail.user_id == mail.user_id
    )
    newer = select(Mail.id).where(
        is_readers,
        Mail.template == mail.template,
        Mail.created_at > mail.created_at,
        Mail.attempts > 0,
        Mail.state != "dropped",
    )
    return db.session.scalar(newer.limit(1)) is not None


def _app_url() -> str:
    settings: Settings = current_app.extensions["settings"]
    return settings.app_url or settings.public_url
