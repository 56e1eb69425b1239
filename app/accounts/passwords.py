"""Passwords: Argon2id (RFC 9106) over an HMAC with the server's pepper."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from flask import current_app

from app.errors import Unavailable

# OWASP's second recommendation; the library's default costs ten times the CPU, which on a small
# host lets a few log-ins stop everything else.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Bounds memory (19 MiB each) and leaves threads for other requests.
CONCURRENT_HASHES = 2
WAIT_SECONDS = 5.0

_slots = BoundedSemaphore(CONCURRENT_HASHES)
# Verified for unknown accounts, so that the time of the answer does not tell who is registered.
_NOBODY = HASHER.hash("nobody")


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
        try:
            return HASHER.verify(stored or _NOBODY, _peppered(password)) and stored is not None
        except VerificationError:
            return False


def needs_rehash(stored: str) -> bool:
    """Whether a stored hash has other parameters than today's."""
    return HASHER.check_needs_rehash(stored)


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
