"""Access tokens (JWT, RFC 7519) and refresh tokens (opaque, one family per device)."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import current_app, g, request
from flask_jwt_extended import create_access_token

from app.accounts.claims import ExpiredToken, access_claims, bearer_token

SECRET_BYTES = 24
MAC_CHARACTERS = 32
MAX_REMEMBERED = 4096

_verified: dict[bytes, dict[str, Any]] = {}


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token that this server made; `digest` is what the database keeps."""

    device_id: UUID
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the token; no salt or stretching, since the token is random."""
        return hashlib.sha256(self.text.encode()).digest()


def new_access_token(user_id: UUID, device_id: UUID, lifetime: timedelta) -> str:
    """Make an access token; claim `sid` names the device so that revoking it ends the token."""
    token: str = create_access_token(
        str(user_id), expires_delta=lifetime, additional_claims={"sid": str(device_id)}
    )
    return token


def bearer_claims() -> dict[str, Any] | None:
    """Claims of the request's access token, or None when it has no valid one; verified once."""
    if "bearer_claims" not in g:
        token = bearer_token(request.headers.get("Authorization", ""))
        g.bearer_claims, g.bearer_expired = None, False
        if token:
            try:
                g.bearer_claims = _verified_claims(token)
            except ExpiredToken:
                g.bearer_expired = True
    claims: dict[str, Any] | None = g.bearer_claims
    return claims


def bearer_is_expired() -> bool:
    """Whether the request's access token was a valid one, and its time is over."""
    bearer_claims()
    expired: bool = g.bearer_expired
    return expired


def _verified_claims(token: str) -> dict[str, Any] | None:
    # A client sends one token many times: its signature is checked once in each process. What
    # decides is part of the key; the database tells in each request whether the device still is.
    config = current_app.config
    decisive = {
        "keys": current_app.extensions["settings"].jwt_keys,
        "issuer": config["JWT_DECODE_ISSUER"],
        "audience": config["JWT_DECODE_AUDIENCE"],
    }
    digest = hashlib.sha256(repr((token, decisive)).encode()).digest()
    claims = _verified.get(digest)
    if claims is None:
        claims = access_claims(token, **decisive)
        if claims is not None:
            if len(_verified) >= MAX_REMEMBERED:
                _verified.clear()
            _verified[digest] = claims
    if claims is not None and claims["exp"] <= time.time():
        raise ExpiredToken
    return claims


def new_refresh_token(device_id: UUID) -> RefreshToken:
    """Make a refresh token `<device id>.<secret>.<mac>`.

    The mac tells an old token of ours, whose use means theft, from a made-up one, which must not
    log anybody out.
    """
    body = f"{device_id}.{secrets.token_urlsafe(SECRET_BYTES)}"
    return RefreshToken(device_id, f"{body}.{_mac(body)}")


def parse_refresh_token(text: str) -> RefreshToken | None:
    """Read a refresh token; None when this server did not make it."""
    body, _, mac = text.rpartition(".")
    if not text.isascii() or not hmac.compare_digest(mac, _mac(body)):
        return None
    return RefreshToken(UUID(body.partition(".")[0]), text)


def _mac(body: str) -> str:
    # Of the pepper, which never changes: a new JWT secret must not log every device out.
    pepper = current_app.extensions["settings"].password_pepper.get_secret_value()
    key = hashlib.sha256(b"refresh token\0" + pepper.encode()).digest()
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()[:MAC_CHARACTERS]
