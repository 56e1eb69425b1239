"""What a valid access token says; shared with the process of live updates."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import jwt

# Why a request is refused with 401, and what mends it, by the word that clients compare.
REFUSALS = {
    "missing": "Send an access token: `Authorization: Bearer <token>`.",
    "expired": "The access token has expired; refresh it.",
    "invalid": "This is no access token of this API; log in.",
    "ended": "This device is logged out; log in again.",
}


def bearer_token(header: str) -> str:
    """The token of an `Authorization` header (RFC 6750), or nothing when it brings none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class ExpiredToken(Exception):
    """The token was a valid one; its time is over."""


def access_claims(
    token: str, *, keys: Sequence[str], issuer: str, audience: str
) -> dict[str, Any] | None:
    """Claims of an access token (JWT, RFC 7519), or None when it is not valid.

    It must be signed with one of the keys, made for this issuer and audience, within its time, and
    name a user and a device.

    Raises:
        ExpiredToken: all is right but its time, which is over.
    """
    found = (_claims(token, key, issuer, audience) for key in keys)
    claims = next((claims for claims in found if claims), None)
    if claims and int(claims["exp"]) <= time.time():
        raise ExpiredToken
    return claims


def _claims(token: str, key: str, issuer: str, audience: str) -> dict[str, Any] | None:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            issuer=issuer,
            audience=audience,
            # Last of all, below: another fault must not be taken for an end of its time.
            options={"require": ["exp", "sub", "sid"], "verify_exp": False},
        )
        UUID(str(claims["sub"])), UUID(str(claims["sid"]))
        int(claims["exp"])
    except (jwt.PyJWTError, TypeError, ValueError, OverflowError):
        return None
    return claims if claims.get("type") == "access" else None
