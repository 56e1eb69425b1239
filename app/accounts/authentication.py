"""Who calls: the bearer token of a request, and the user it stands for."""

from uuid import UUID

from apiflask import HTTPTokenAuth
from flask import Response, g, request
from sqlalchemy import bindparam, func, select

from app.accounts.models import Device, User
from app.accounts.tokens import bearer_claims
from app.audit.recording import record
from app.database.session import act_as
from app.errors import AccountDeleting, Forbidden, Unauthorized
from app.extensions import db

# Every request needs it, so it is put together once.
_USER_OF_DEVICE = (
    select(User)
    .join(Device, Device.user_id == User.id)
    .where(
        User.id == bindparam("user_id"),
        Device.id == bindparam("device_id"),
        Device.revoked_at.is_(None),
        Device.expires_at > func.now(),
    )
)

auth = HTTPTokenAuth(realm="fivebox", description="Access token of POST /v1/accounts/login.")


def current_user() -> User:
    """The user of this request; only for views with `auth_required(auth)`."""
    user: User = g.flask_httpauth_user
    return user


@auth.verify_token  # type: ignore[untyped-decorator]
def _load_user(_token: str) -> User | None:
    """Load the token's user, and let the request's transactions see that user's rows only.

    The device is looked up each time: revoking it ends its access tokens at once.
    """
    claims = bearer_claims()
    if claims is None:
        return None
    g.user_id = claims["sub"]
    act_as(UUID(g.user_id))
    g.device_id = UUID(claims["sid"])
    user = db.session.scalar(
        _USER_OF_DEVICE, {"user_id": UUID(g.user_id), "device_id": g.device_id}
    )
    if user is None:
        refuse_deleting(UUID(g.user_id))
    return user


def refuse_deleting(user_id: UUID) -> None:
    """Say why nobody gets in, when it is because the account waits for its deletion.

    Raises:
        AccountDeleting: it does.
    """
    if db.session.scalar(select(User.deletion_requested_at).where(User.id == user_id)):
        raise AccountDeleting


@auth.get_user_roles  # type: ignore[untyped-decorator]
def _roles(user: User) -> list[str]:
    return [user.role]


@auth.error_handler  # type: ignore[untyped-decorator]
def _refuse(status: int) -> Response:
    if status == Forbidden.status:
        route = f"{request.method} {request.url_rule}"
        record("access.refused", UUID(g.user_id), outcome="refused", route=route)
        db.session.commit()
        raise Forbidden("Your role does not allow this.")
    if "device_id" in g:
        raise Unauthorized("This device is logged out; log in again.", reason="ended")
    if request.authorization:
        raise Unauthorized(
            "The access token is not valid, or not any more; refresh it.", reason="invalid"
        )
    raise Unauthorized("Send an access token: `Authorization: Bearer <token>`.", reason="missing")
