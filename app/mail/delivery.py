"""Sending what is in the outbox.

A sender claims one mail at a time, in a transaction of its own that is over before the mail server
is spoken to: another sender passes over it, and a slow mail server holds no lock. A sender that
dies with a claimed mail leaves it to the next one, after LEASE.
"""

import smtplib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from flask import current_app
from sqlalchemy import delete, select, update

from app.accounts import mailed_tokens
from app.database.session import act_as
from app.extensions import db
from app.mail.letters import compose
from app.mail.models import Mail
from app.mail.smtp import Connection, reason

# Longer than a dialogue with the slowest mail server takes.
LEASE = timedelta(minutes=15)
# Then it is the next run's turn: other jobs of the host wait for this one, and its unit ends what
# takes an hour, in the middle of a mail.
RUN = timedelta(minutes=5)
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
PERMANENT = 500

logger = structlog.get_logger(__name__)


@dataclass
class Tally:
    """What a run did; `server_error` when the mail server ended it early."""

    sent: int = 0
    dropped: int = 0
    failed: int = 0
    put_off: int = 0
    server_error: str | None = None


@dataclass(frozen=True)
class _Claimed:
    id: UUID
    template: str
    attempts: int
    expires_at: datetime


def _present() -> datetime:
    return datetime.now(UTC)


def send_due(clock: Callable[[], datetime] = _present) -> Tally:
    """Send the mails that are due; a mail that fails waits longer each time, until it expires.

    After RUN no further mail is begun.

    Args:
        clock: tells the time that decides what is due.
    """
    tally, until = Tally(), clock() + RUN
    with ExitStack() as stack:
        server: smtplib.SMTP | None = None
        while not tally.server_error and clock() < until and (mail := _claim(clock())):
            if mail.expires_at <= clock():
                _end(mail, "failed")
                tally.failed += 1
                continue
            row = db.session.get(Mail, mail.id)
            message = compose(row) if row else None
            # The token has to be known before its reader can use it.
            db.session.commit()
            if message is None:
                _end(mail, "dropped")
                tally.dropped += 1
                continue
            try:
                if server is None:
                    server = stack.enter_context(
                        Connection(current_app.extensions["settings"].smtp_url)
                    )
                server.send_message(message)
            except (OSError, smtplib.SMTPException) as error:
                if _is_refused_for_good(error):
                    _end(mail, "failed", last_error=reason(error))
                    tally.failed += 1
                    continue
                _put_off(mail, clock(), error)
                tally.put_off += 1
                if not _is_about_one_mail(error):
                    tally.server_error = reason(error)
            else:
                _end(mail, "sent", last_error=None)
                tally.sent += 1
    return tally


def purge(days: int) -> tuple[int, int]:
    """Remove mails ended, and tokens expired, some days ago.

    Returns:
        the number of mails and of tokens removed.
    """
    before = datetime.now(UTC) - timedelta(days=days)
    act_as(None, scope="accounts")
    mails = db.session.scalars(delete(Mail).where(Mail.ended_at < before).returning(Mail.id)).all()
    tokens = mailed_tokens.purge(before)
    db.session.commit()
    return len(mails), tokens


def _claim(now: datetime) -> _Claimed | None:
    act_as(None, scope="accounts")
    due = (
        select(Mail.id)
        .where(Mail.state == "waiting", Mail.next_attempt_at <= now)
        .order_by(Mail.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = db.session.execute(
        update(Mail)
        .where(Mail.id == due.scalar_subquery())
        .values(attempts=Mail.attempts + 1, next_attempt_at=now + LEASE)
        .returning(Mail.id, Mail.template, Mail.attempts, Mail.expires_at)
    ).first()
    db.session.commit()
    return _Claimed(*row) if row else None


def _is_refused_for_good(error: Exception) -> bool:
    return isinstance(error, smtplib.SMTPRecipientsRefused) and all(
        code >= PERMANENT for code, _text in error.recipients.values()
    )


def _is_about_one_mail(error: Exception) -> bool:
    # Any other error says that the server is gone or refuses us: the rest would fare no better.
    return isinstance(
        error,
        smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError | smtplib.SMTPNotSupportedError,
    )


def _end(mail: _Claimed, state: str, **columns: Any) -> None:
    _record(mail, state, state=state, ended_at=_present(), **columns)


def _put_off(mail: _Claimed, now: datetime, error: Exception) -> None:
    doublings = min(mail.attempts - 1, 12)
    wait = min(FIRST_WAIT * 2**doublings, LONGEST_WAIT)
    _record(mail, "put off", next_attempt_at=now + wait, last_error=reason(error))


def _record(mail: _Claimed, outcome: str, **columns: Any) -> None:
    # The row may be gone meanwhile, with its account.
    db.session.execute(update(Mail).where(Mail.id == mail.id).values(**columns))
    db.session.commit()
    log = logger.info if outcome in ("sent", "dropped") else logger.warning
    log(
        "mail handled",
        event_kind="mail",
        outcome=outcome,
        mail_id=str(mail.id),
        template=mail.template,
        attempts=mail.attempts,
        error=columns.get("last_error"),
    )
