"""Deleting an account: locked at once, removed after a grace period in which it can be restored."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from flask import current_app
from sqlalchemy import delete, func, select, update

from app.accounts import sessions
from app.accounts.hooks import purgers
from app.accounts.models import User
from app.accounts.passwords import require_password
from app.accounts.schemas import DeletionInput, DeletionOutput
from app.audit.recording import record
from app.database.purge import PATIENCE, owned_models
from app.database.session import act_as
from app.errors import Conflict, NotFound
from app.extensions import db
from app.mail import outbox
from app.operations.metrics import DELETIONS

logger = structlog.get_logger(__name__)


def request_deletion(user: User, data: DeletionInput) -> DeletionOutput:
    """Lock an account and log all its devices out.

    Raises:
        Unprocessable: the password is wrong.
        Conflict: another device changed the password, or deleted the account, at the same time.
    """
    user_id, stored = user.id, user.password_hash
    require_password(user, data.password)
    # Takes the row's lock, which a log-in has to wait for; it then finds the account locked.
    requested = db.session.scalar(
        update(User)
        .where(
            User.id == user_id, User.password_hash == stored, User.deletion_requested_at.is_(None)
        )
        .values(deletion_requested_at=func.now())
        .returning(User.deletion_requested_at)
    )
    if requested is None:
        raise Conflict("The account was changed on another device.")
    record("account.deletion_requested", user_id)
    sessions.revoke_all(user_id, reason="account deleted")
    DELETIONS.labels("requested").inc()
    logger.info("deletion requested", event_kind="security", user_id=str(user_id))
    return DeletionOutput(purged_after=requested + _grace())


def restore(email: str) -> None:
    """Open an account again whose deletion was requested.

    Raises:
        NotFound: no account of this address waits for its deletion.
    """
    act_as(None, scope="accounts")
    user_id = db.session.scalar(
        update(User)
        .where(User.email == email.lower(), User.deletion_requested_at.is_not(None))
        .values(deletion_requested_at=None)
        .returning(User.id)
    )
    if user_id is None:
        raise NotFound("No account of this address waits for its deletion.")
    record("account.restored", user_id)
    db.session.commit()
    logger.info("account restored", event_kind="security", user_id=str(user_id))


def purge_accounts() -> tuple[int, int]:
    """Remove the accounts whose grace period is over, each in a transaction of its own.

    Audit events stay; their user id then stands for nobody. What fails is logged, and tried again
    by the next run.

    Returns:
        the numbers of accounts removed and of accounts that failed.
    """
    act_as(None, scope="accounts")
    before = datetime.now(UTC) - _grace()
    due = db.session.scalars(select(User.id).where(User.deletion_requested_at <= before)).all()
    db.session.commit()
    purged = failed = 0
    for user_id in due:
        try:
            purged += _purge(user_id, before)
        except Exception as error:
            db.session.rollback()
            failed += 1
            logger.error("purge failed", event_kind="error", user_id=str(user_id), exc_info=error)
    return purged, failed


def _purge(user_id: UUID, before: datetime) -> bool:
    act_as(user_id)
    db.session.execute(PATIENCE)
    # Again, under the row's lock: it may have been restored meanwhile.
    due = select(User.id).where(User.id == user_id, User.deletion_requested_at <= before)
    if db.session.scalar(due.with_for_update()) is None:
        db.session.rollback()
        return False
    afterwards: list[Callable[[], None]] = [purger(user_id) for purger in purgers]
    for model in owned_models():
        db.session.execute(delete(model).where(model.user_id == user_id))
    outbox.remove_unnamed(user_id)
    # What else refers to the user goes with it.
    db.session.execute(delete(User).where(User.id == user_id))
    record("account.purged", user_id)
    db.session.commit()
    DELETIONS.labels("purged").inc()
    logger.info("account purged", event_kind="security", user_id=str(user_id))
    for action in afterwards:
        action()
    return True


def _grace() -> timedelta:
    return timedelta(days=current_app.extensions["settings"].deletion_days)
