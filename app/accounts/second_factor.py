"""The second factor: time-based one-time codes (RFC 6238), and recovery codes for a lost phone."""

import secrets
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import NoReturn
from uuid import UUID

import pyotp
import structlog
from sqlalchemy import delete, func, select, update

from app.accounts.models import RecoveryCode, SecondFactor, User
from app.accounts.passwords import require_password
from app.accounts.schemas import (
    ConfirmFactorInput,
    EnrolInput,
    EnrolledOutput,
    ProtectedInput,
    RecoveryCodesOutput,
    SecondFactorOutput,
)
from app.accounts.vault import keyed_digest, seal, unseal
from app.audit.recording import record
from app.errors import Conflict, TooManyRequests, Unauthorized, Unprocessable
from app.extensions import db
from app.mail import outbox

ISSUER = "Fivebox"
STEP_SECONDS = 30
# A code of the step before or after serves too: clocks differ (RFC 6238, section 5.2).
DRIFT_STEPS = 1
RECOVERY_CODES = 10
# 49 bits in two groups; no letter or digit that looks like another.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
GROUP = 5
MOST_WRONG = 10
WRONG_WITHIN = timedelta(hours=1)

logger = structlog.get_logger(__name__)


class SecondFactorRequired(Unauthorized):
    """The password is right, and the account also asks for a code."""

    type = "second-factor-required"


class SecondFactorRefused(Unauthorized):
    """The password is right; the code is not."""

    type = "second-factor-refused"


def show(user: User) -> SecondFactorOutput:
    """Tell whether the user's second factor is on, and how many recovery codes are left."""
    left = db.session.scalar(
        select(func.count()).where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))
    )
    return SecondFactorOutput(enabled=is_on(user.id), recovery_codes_left=left or 0)


def is_on(user_id: UUID) -> bool:
    """Whether the user's log-ins ask for a code."""
    found = select(SecondFactor.user_id).where(
        SecondFactor.user_id == user_id, SecondFactor.enabled_at.is_not(None)
    )
    return db.session.scalar(found) is not None


def enrol(user: User, data: EnrolInput) -> EnrolledOutput:
    """Make a secret for the user's authenticator; it counts once a code of it is confirmed.

    Raises:
        Unprocessable: the password is wrong.
        Conflict: a second factor is on.
    """
    require_password(user, data.password)
    # The user first: at a first enrolment there is no row of a factor yet to wait for.
    db.session.refresh(user, with_for_update={"key_share": True})
    factor = _locked(user.id)
    if factor and factor.enabled_at:
        raise Conflict("A second factor is on; turn it off first.")
    if factor is None:
        factor = SecondFactor(user_id=user.id)
        db.session.add(factor)
    secret = pyotp.random_base32()
    factor.secret = seal("second factor", secret.encode(), user.id.bytes)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)
    db.session.commit()
    return EnrolledOutput(secret=secret, uri=uri)


def confirm(user: User, data: ConfirmFactorInput) -> RecoveryCodesOutput:
    """Turn the second factor on with a first code of the authenticator.

    Raises:
        Unprocessable: the code is wrong.
        Conflict: there is nothing to confirm.
        TooManyRequests: too many codes were wrong.
    """
    factor = _locked(user.id)
    if factor is None or factor.enabled_at:
        raise Conflict("There is no second factor to confirm; enrol one first.")
    if not _take(factor, data.code):
        _refuse(factor)
    factor.enabled_at = datetime.now(UTC)
    codes = _new_recovery_codes(user.id)
    outbox.queue("second-factor-enabled", user.email, user.id)
    record("account.second_factor_enabled", user.id)
    db.session.commit()
    logger.info("second factor on", event_kind="security", user_id=str(user.id))
    return RecoveryCodesOutput(recovery_codes=codes)


def regenerate(user: User, data: ProtectedInput) -> RecoveryCodesOutput:
    """Replace the recovery codes.

    Raises:
        Unprocessable: the password or the code is wrong.
        Conflict: no second factor is on.
        TooManyRequests: too many codes were wrong.
    """
    _authorize(user, data)
    codes = _new_recovery_codes(user.id)
    record("account.recovery_codes_replaced", user.id)
    db.session.commit()
    logger.info("recovery codes replaced", event_kind="security", user_id=str(user.id))
    return RecoveryCodesOutput(recovery_codes=codes)


def disable(user: User, data: ProtectedInput) -> None:
    """Turn the second factor off.

    Raises:
        Unprocessable: the password or the code is wrong.
        Conflict: no second factor is on.
        TooManyRequests: too many codes were wrong.
    """
    _remove(_authorize(user, data), user)
    db.session.commit()
    logger.warning("second factor off", event_kind="security", user_id=str(user.id))


def drop(user: User) -> bool:
    """Turn the second factor off without a code, or end its enrolment; the caller commits.

    Returns:
        whether it was on.
    """
    factor = _locked(user.id)
    if factor is None:
        return False
    was_on = factor.enabled_at is not None
    if was_on:
        _remove(factor, user)
    else:
        db.session.delete(factor)
    return was_on


def require_code(user_id: UUID, code: str | None) -> None:
    """Ask a log-in for a code, if the user's second factor is on; the caller commits.

    Raises:
        SecondFactorRequired: there is none.
        SecondFactorRefused: it is wrong, or was used before.
        TooManyRequests: too many codes were wrong.
    """
    factor = _locked(user_id)
    if factor is None or factor.enabled_at is None:
        return
    if code is None:
        raise SecondFactorRequired("Send a code of your authenticator, or a recovery code.")
    if not _take(factor, code):
        _count_wrong(factor)
        raise SecondFactorRefused("The code is wrong, or was used before.")


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step (RFC 6238, section 4.2) that a code belongs to, or None.

    Args:
        secret: of the authenticator, in base32.
        code: six digits.
        now: the present; the step before and the one after serve too.
    """
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    present = int(now.timestamp()) // STEP_SECONDS
    steps = range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1)
    # All are compared, whichever matches: the time tells nothing.
    found = [s for s in steps if compare_digest(totp.generate_otp(s).encode(), code.encode())]
    return found[-1] if found else None


def _authorize(user: User, data: ProtectedInput) -> SecondFactor:
    require_password(user, data.password)
    factor = _locked(user.id)
    if factor is None or factor.enabled_at is None:
        raise Conflict("No second factor is on.")
    if not _take(factor, data.code):
        _refuse(factor)
    return factor


def _remove(factor: SecondFactor, user: User) -> None:
    db.session.delete(factor)
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    outbox.queue("second-factor-disabled", user.email, user.id)
    record("account.second_factor_disabled", user.id)


def _locked(user_id: UUID) -> SecondFactor | None:
    # The lock lets one code serve one of two requests that bring it at the same time.
    return db.session.get(SecondFactor, user_id, with_for_update=True, populate_existing=True)


def _take(factor: SecondFactor, code: str) -> bool:
    now = datetime.now(UTC)
    ends = factor.wrong_since + WRONG_WITHIN
    if factor.wrong_codes >= MOST_WRONG and now < ends:
        seconds = int((ends - now).total_seconds()) + 1
        raise TooManyRequests.for_seconds("Too many wrong codes", seconds)
    plain = code.replace(" ", "").replace("-", "").lower()
    taken = _take_time_code(factor, plain, now) or _take_recovery_code(factor, plain)
    if taken:
        factor.wrong_codes = 0
    return taken


def _take_time_code(factor: SecondFactor, code: str, now: datetime) -> bool:
    secret = unseal("second factor", factor.secret, factor.user_id.bytes).decode()
    step = matching_step(secret, code, now)
    if step is None or step <= factor.last_step:
        return False
    factor.last_step = step
    return True


def _take_recovery_code(factor: SecondFactor, code: str) -> bool:
    used = db.session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == factor.user_id,
            RecoveryCode.digest == _digest(factor.user_id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=func.now())
        .returning(RecoveryCode.user_id)
    )
    return used is not None


def _refuse(factor: SecondFactor) -> NoReturn:
    _count_wrong(factor)
    raise Unprocessable("code", "is wrong, or was used before")


def _count_wrong(factor: SecondFactor) -> None:
    now = datetime.now(UTC)
    if now >= factor.wrong_since + WRONG_WITHIN:
        factor.wrong_codes, factor.wrong_since = 0, now
    factor.wrong_codes += 1
    user_id = factor.user_id
    record("account.second_factor_refused", user_id, outcome="failed")
    db.session.commit()
    logger.warning("second factor refused", event_kind="security", user_id=str(user_id))


def _new_recovery_codes(user_id: UUID) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [
        "".join(secrets.choice(ALPHABET) for _ in range(2 * GROUP)) for _ in range(RECOVERY_CODES)
    ]
    db.session.add_all(
        RecoveryCode(user_id=user_id, digest=_digest(user_id, code)) for code in codes
    )
    return [f"{code[:GROUP]}-{code[GROUP:]}" for code in codes]


def _digest(user_id: UUID, code: str) -> bytes:
    return keyed_digest("recovery code", f"{user_id} {code}")
