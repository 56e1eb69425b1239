"""Who calls: the bearer token of a request, and the user it stands for."""

from typing import NamedTuple
from uuid import UUID

from apiflask import HTTPTokenAuth
from flask import Response, g, request
from sqlalchemy import select

from app.accounts.claims import REFUSALS, bearer_token
from app.accounts.models import User
from app.accounts.tokens import bearer_claims, bearer_is_expired
from app.audit.recording import record
from app.database.connection import execute, given_up_when_disk_full
from app.database.session import act_as
from app.errors import AccountDeleting, Forbidden, Unauthorized
from app.extensions import db

# Every request needs it, and most need no more of the user: plain SQL, a third of the ORM's cost.
_CALLER = """
SELECT users.id, users.role FROM users JOIN devices ON devices.user_id = users.id
WHERE users.id = %(user_id)s AND devices.id = %(device_id)s
    AND devices.revoked_at IS NULL AND devices.expires_at > now()
"""

auth = HTTPTokenAuth(realm="fivebox", description="Access token of POST /v1/accounts/login.")


class Caller(NamedTuple):
    """Who sent a request."""

    id: UUID
    role: str


def current_user_id() -> UUID:
    """The id of this request's user; only for views with `auth_required(auth)`."""
    caller: Caller = g.flask_httpauth_user
    return caller.id


def current_user() -> User:
    """The user of this request, loaded at first use; only for views with `auth_required(auth)`."""
    return db.session.get_one(User, current_user_id())


@auth.verify_token  # type: ignore[untyped-decorator]
def _find_caller(_token: str) -> Caller | None:
    """Find the token's user, and let the request's transactions see that user's rows only.

    The device is looked up each time: revoking it ends its access tokens at once.
    """
    claims = bearer_claims()
    if claims is None:
        return None
    g.user_id = claims["sub"]
    user_id, g.device_id = UUID(g.user_id), UUID(claims["sid"])
    act_as(user_id)
    row = execute(_CALLER, {"user_id": user_id, "device_id": g.device_id}).fetchone()
    if row is None:
        refuse_deleting(user_id)
        return None
    return Caller(*row)


def refuse_deleting(user_id: UUID) -> None:
    """Say why nobody gets in, when it is because the account waits for its deletion.

    Raises:
        AccountDeleting: it does.
    """
    if db.session.scalar(select(User.deletion_requested_at).where(User.id == user_id)):
        raise AccountDeleting


@auth.get_user_roles  # type: ignore[untyped-decorator]
def _roles(caller: Caller) -> list[str]:
    return [caller.role]


@auth.error_handler  # type: ignore[untyped-decorator]
def _refuse(status: int) -> Response:
    if status == Forbidden.status:
        route = f"{request.method} {request.url_rule}"
        with given_up_when_disk_full():
            record("access.refused", UUID(g.user_id), outcome="refused", route=route)
            db.session.commit()
        raise Forbidden("Your role does not allow this.")
    if "device_id" in g:
        reason = "ended"
    elif bearer_is_expired():
        reason = "expired"
    else:
        reason = "invalid" if bearer_token(request.headers.get("Authorization", "")) else "missing"
    raise Unauthorized(REFUSALS[reason], reason=reason)
