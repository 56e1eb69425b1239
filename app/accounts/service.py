"""Accounts: registration, log-in, profile and password."""

from uuid import UUID, uuid4

import structlog
from flask import current_app
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from app.accounts import second_factor, sessions, throttle
from app.accounts.models import User
from app.accounts.passwords import (
    hash_password,
    needs_rehash,
    refuse_obvious,
    require_password,
    verify_password,
)
from app.accounts.schemas import (
    LoginInput,
    PasswordInput,
    ProfilePatch,
    RegisterInput,
    SessionOutput,
    UserOutput,
)
from app.accounts.second_factor import SecondFactorRefused, SecondFactorRequired
from app.audit.recording import record
from app.database.session import act_as
from app.errors import AccountDeleting, Conflict, Forbidden, TooManyRequests, Unauthorized
from app.extensions import db
from app.mail import outbox
from app.operations.metrics import LOGIN_ATTEMPTS, REGISTRATIONS

logger = structlog.get_logger(__name__)


def register(data: RegisterInput, user_agent: str) -> SessionOutput:
    """Create an account and log its first device in.

    Raises:
        Forbidden: registration is turned off.
        Unprocessable: the password is easy to guess.
        Conflict: the address has an account.
    """
    if not current_app.extensions["settings"].registration_enabled:
        raise Forbidden("Registration is closed.")
    user = create_user(data, role="user")
    tokens = sessions.open_session(user.id, data.device_name, user_agent)
    output = SessionOutput(user=UserOutput.model_validate(user), tokens=tokens)
    outbox.queue("verify-address", user.email, user.id)
    record("account.registered", user.id, subject=("devices", tokens.device_id))
    db.session.commit()
    REGISTRATIONS.inc()
    logger.info("account registered", event_kind="security", user_id=str(output.user.id))
    return output


def create_user(data: RegisterInput, *, role: str) -> User:
    """Add a user, in whose name the transaction then acts; the caller commits.

    Raises:
        Unprocessable: the password is easy to guess.
        Conflict: the address has an account.
    """
    refuse_obvious("password", data.password, data.email)
    # Before any statement: a slow hash must not hold a database connection.
    password_hash = hash_password(data.password)
    act_as(None, scope="accounts")
    user_id = uuid4()
    added = db.session.scalar(
        insert(User)
        .values(
            id=user_id,
            password_hash=password_hash,
            role=role,
            **data.model_dump(include={"email", "name", "time_zone", "locale"}),
        )
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(User.id)
    )
    if added is None:
        raise Conflict("This address has an account; log in, or use another address.")
    act_as(user_id)
    return db.session.get_one(User, user_id)


def log_in(data: LoginInput, user_agent: str) -> SessionOutput:
    """Check a password, and a code if the account has a second factor; log a device in.

    Raises:
        Unauthorized: the address or the password is wrong; the answer does not tell which.
        SecondFactorRequired: the password is right, and a code is needed.
        SecondFactorRefused: the password is right, and the code is not.
        TooManyRequests: too many attempts failed.
        AccountDeleting: the account waits for its deletion.
    """
    try:
        attempt = throttle.Attempt.begin(data.email, _known_device(data))
        try:
            output = _log_in(data, user_agent)
        except (SecondFactorRequired, AccountDeleting, DBAPIError):
            # That the database is away says nothing of the password.
            attempt.take_back()
            raise
    except TooManyRequests:
        LOGIN_ATTEMPTS.labels("throttled").inc()
        raise
    except SecondFactorRefused:
        LOGIN_ATTEMPTS.labels("failed").inc()
        raise
    attempt.succeed()
    LOGIN_ATTEMPTS.labels("succeeded").inc()
    logger.info("log-in", event_kind="login", outcome="succeeded", user_id=str(output.user.id))
    return output


def _log_in(data: LoginInput, user_agent: str) -> SessionOutput:
    user_id, stored = _check_password(data.email, data.password)
    rehashed = hash_password(data.password) if needs_rehash(stored) else None
    act_as(user_id)
    # The lock makes a log-in and a change of the password wait for each other; the change would
    # otherwise miss, and leave logged in, a device that still came with the old password.
    user = db.session.get(User, user_id, with_for_update={"key_share": True})
    if user is None or user.password_hash != stored:
        db.session.rollback()
        return _log_in(data, user_agent)
    if user.deletion_requested_at:
        record("account.login", user_id, outcome="refused")
        db.session.commit()
        LOGIN_ATTEMPTS.labels("refused").inc()
        raise AccountDeleting
    second_factor.require_code(user_id, data.code)
    if rehashed:
        user.password_hash = rehashed
    tokens = sessions.open_session(user_id, data.device_name, user_agent)
    output = SessionOutput(user=UserOutput.model_validate(user), tokens=tokens)
    record("account.login", user_id, subject=("devices", tokens.device_id))
    db.session.commit()
    return output


def update_profile(user: User, data: ProfilePatch) -> UserOutput:
    """Change what the input names of the user's profile."""
    for field, value in data.given().items():
        setattr(user, field, value)
    output = UserOutput.model_validate(user)
    record("account.profile_changed", user.id, fields=sorted(data.given()))
    db.session.commit()
    return output


def change_password(user: User, device_id: UUID, data: PasswordInput) -> None:
    """Change the password and log all other devices out.

    Raises:
        Unprocessable: the current password is wrong, or the new one easy to guess.
        Conflict: another device changed it at the same time.
    """
    refuse_obvious("new_password", data.new_password, user.email)
    user_id, stored, email = user.id, user.password_hash, user.email
    require_password(user, data.current_password, "current_password")
    if not _store_hash(user_id, stored, hash_password(data.new_password)):
        raise Conflict("The password was changed on another device.")
    outbox.withdraw(user_id, "reset-password", "change-address")
    outbox.queue("password-changed", email, user_id)
    record("account.password_changed", user_id)
    sessions.revoke_all(user_id, keep=device_id, reason="password changed")
    logger.info("password changed", event_kind="security", user_id=str(user_id))


def _known_device(data: LoginInput) -> UUID | None:
    if data.last_refresh_token is None:
        return None
    device_id = sessions.find_known_device(data.email, data.last_refresh_token)
    # Gives the connection back before the slow hash.
    db.session.commit()
    return device_id


def _check_password(email: str, password: str) -> tuple[UUID, str]:
    act_as(None, scope="accounts")
    found = db.session.execute(
        select(User.id, User.password_hash).where(User.email == email)
    ).first()
    # Gives the connection back before the slow hash.
    db.session.commit()
    if verify_password(password, found.password_hash if found else None) and found:
        return found.id, found.password_hash
    record("account.login", found.id if found else None, outcome="failed")
    db.session.commit()
    LOGIN_ATTEMPTS.labels("failed").inc()
    logger.warning(
        "log-in failed",
        event_kind="login",
        outcome="failed",
        user_id=str(found.id) if found else None,
    )
    raise Unauthorized("The address or the password is wrong.")


def _store_hash(user_id: UUID, old: str, new: str) -> bool:
    # Only over the hash that was verified: a change that came between must win.
    changed = db.session.scalar(
        update(User)
        .where(User.id == user_id, User.password_hash == old)
        .values(password_hash=new, updated_at=func.now())
        .returning(User.id)
    )
    return changed is not None
