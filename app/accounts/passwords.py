"""Passwords: Argon2id (RFC 9106) over an HMAC with the server's pepper.

Imported accounts may bring bcrypt hashes, which serve until the first log-in.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore

import bcrypt
import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app

from app.accounts.models import User
from app.audit.recording import record
from app.errors import Unavailable, Unprocessable
from app.extensions import db

# OWASP's second recommendation; the library's default costs ten times the CPU, which on a small
# host lets a few log-ins stop everything else.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Per worker process; bounds memory (19 MiB each) and how far log-ins slow other requests down.
CONCURRENT_HASHES = 2
WAIT_SECONDS = 5.0
# Below this, a password is one key or a few, pressed over and over.
FEWEST_CHARACTERS = 4
# A cost of 14 takes a second.
BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}")
# bcrypt reads no further; its present library refuses what older ones cut off.
BCRYPT_BYTES = 72

logger = structlog.get_logger(__name__)
_slots = BoundedSemaphore(CONCURRENT_HASHES)
# Verified for unknown accounts, so that the time of the answer does not tell who is registered.
_NOBODY = HASHER.hash("nobody")


def is_obvious(password: str, email: str) -> bool:
    """Whether a password is among the first that an attacker tries: common, or the address."""
    guess = password.lower()
    return (
        guess in (email, email.partition("@")[0])
        or len(set(guess)) < FEWEST_CHARACTERS
        or guess in _common_passwords()
    )


def refuse_obvious(field: str, password: str, email: str) -> None:
    """Refuse a password that is easy to guess.

    Raises:
        Unprocessable: it is; names the field.
    """
    if is_obvious(password, email):
        raise Unprocessable(field, "is easy to guess; choose another, such as four random words")


def require_password(user: User, password: str, field: str = "password") -> None:
    """Ask a logged-in user for the password; ends the transaction.

    Raises:
        Unprocessable: it is wrong; names the field.
        Unavailable: too many others wait.
    """
    stored, user_id = user.password_hash, user.id
    # Gives the connection back before the slow hash.
    db.session.commit()
    if not verify_password(password, stored):
        record("account.password_refused", user_id, outcome="failed")
        db.session.commit()
        logger.warning("password refused", event_kind="security", user_id=str(user_id))
        raise Unprocessable(field, "is wrong")


def hash_password(password: str) -> str:
    """Hash a password for storage.

    Raises:
        Unavailable: too many others wait.
    """
    with _slot():
        return HASHER.hash(_peppered(password))


def verify_password(password: str, stored: str | None) -> bool:
    """Compare a password with a stored hash; None, for an unknown account, costs the same time.

    Raises:
        Unavailable: too many others wait.
    """
    with _slot():
        if stored and BCRYPT.fullmatch(stored):
            return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], stored.encode())
        try:
            return HASHER.verify(stored or _NOBODY, _peppered(password)) and stored is not None
        except VerificationError:
            return False
        except InvalidHashError:
            logger.error("a stored hash is of no known kind", event_kind="security")
            return False


def needs_rehash(stored: str) -> bool:
    """Whether a stored hash, which was verified, is of another kind than today's."""
    return BCRYPT.fullmatch(stored) is not None or HASHER.check_needs_rehash(stored)


@cache
def _common_passwords() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text("ascii").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))


def _peppered(password: str) -> bytes:
    pepper = current_app.extensions["settings"].password_pepper.get_secret_value()
    return hmac.new(pepper.encode(), password.encode(), hashlib.sha256).hexdigest().encode()


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(timeout=WAIT_SECONDS):
        raise Unavailable("Too many log-ins at once; try again.", headers={"Retry-After": "5"})
    try:
        yield
    finally:
        _slots.release()
