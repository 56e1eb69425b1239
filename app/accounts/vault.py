"""Keys derived from the pepper, for what must be read back or compared at rest."""

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

NONCE_BYTES = 12


def seal(purpose: str, plain: bytes, context: bytes) -> bytes:
    """Encrypt for storage by AES-256-GCM (NIST SP 800-38D).

    Args:
        purpose: names the key; one purpose cannot read another's.
        plain: what to hide.
        context: whose it is; the result opens only with the same.
    """
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_key(purpose)).encrypt(nonce, plain, context)


def unseal(purpose: str, sealed: bytes, context: bytes) -> bytes:
    """Decrypt what `seal` made.

    Raises:
        cryptography.exceptions.InvalidTag: another pepper, purpose or context, or altered.
    """
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    return AESGCM(_key(purpose)).decrypt(nonce, ciphertext, context)


def keyed_digest(purpose: str, text: str) -> bytes:
    """HMAC-SHA-256 of a text that is too short, or too well known, to be hashed without a key."""
    return hmac.new(_key(purpose), text.encode(), hashlib.sha256).digest()


def _key(purpose: str) -> bytes:
    # HKDF (RFC 5869); the pepper is random and long, so it needs no salt and no stretching.
    pepper = current_app.extensions["settings"].password_pepper.get_secret_value()
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(pepper.encode())
