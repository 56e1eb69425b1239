"""What a valid access token says; shared with the process of live updates."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import jwt


def access_claims(
    token: str, *, keys: Sequence[str], issuer: str, audience: str
) -> dict[str, Any] | None:
    """Claims of an access token (JWT, RFC 7519), or None when it is not valid.

    It must be signed with one of the keys, made for this issuer and audience, within its time, and
    name a user and a device.
    """
    found = (_claims(token, key, issuer, audience) for key in keys)
    return next((claims for claims in found if claims), None)


def _claims(token: str, key: str, issuer: str, audience: str) -> dict[str, Any] | None:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            issuer=issuer,
            audience=audience,
            options={"require": ["exp", "sub", "sid"]},
        )
        UUID(str(claims["sub"])), UUID(str(claims["sid"]))
    except (jwt.PyJWTError, ValueError):
        return None
    return claims if claims.get("type") == "access" else None
