"""Endpoints of accounts."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, g, request

from app.accounts import deletion, export, service, sessions
from app.accounts.authentication import auth, current_user, current_user_id
from app.accounts.schemas import (
    DeletionInput,
    DeletionOutput,
    DevicesOutput,
    LoginInput,
    PasswordInput,
    ProfilePatch,
    RefreshInput,
    RegisterInput,
    SessionOutput,
    TokensOutput,
    UserOutput,
)
from app.extensions import client_address, limiter
from app.pages import PageQuery

accounts = APIBlueprint("accounts", __name__, url_prefix="/v1/accounts", tag="Accounts")


def _login_limit() -> str:
    limit: str = current_app.extensions["settings"].rate_limit_login
    return limit


def _export_limit() -> str:
    limit: str = current_app.extensions["settings"].rate_limit_export
    return limit


ZIP_HEADERS = {"Content-Disposition": 'attachment; filename="export.zip"'}
ZIP_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A zip file.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}

# Registration and log-in share one allowance: both tell whether an address has an account.
limit_by_address = limiter.shared_limit(_login_limit, scope="login", key_func=client_address)
# Per user: all that ask for the password once more share one allowance.
limit_by_user = limiter.shared_limit(_login_limit, scope="password")


@accounts.post("/register")
@limit_by_address
@accounts.input(RegisterInput, arg_name="data")
@accounts.output(SessionOutput, 201)
@accounts.doc(responses=[403, 409])
def register(data: RegisterInput) -> SessionOutput:
    """Register an account; the calling device is logged in."""
    return service.register(data, request.user_agent.string)


@accounts.post("/login")
@limit_by_address
@accounts.input(LoginInput, arg_name="data")
@accounts.output(SessionOutput)
@accounts.doc(responses=[401])
def log_in(data: LoginInput) -> SessionOutput:
    """Log a device in.

    The problem `second-factor-required` asks to send the same again with a `code`;
    `second-factor-refused` tells that it was wrong.
    """
    return service.log_in(data, request.user_agent.string)


@accounts.post("/refresh")
@accounts.input(RefreshInput, arg_name="data")
@accounts.output(TokensOutput)
@accounts.doc(responses=[401])
def refresh(data: RefreshInput) -> TokensOutput:
    """Exchange the refresh token for new tokens.

    Each refresh token serves once; a repeat within ten seconds, after a lost reply, is answered
    too. A later repeat logs the device out.
    """
    return sessions.refresh(data.refresh_token)


@accounts.post("/logout")
@accounts.auth_required(auth)
@accounts.output({}, 204)
def log_out() -> str:
    """Log the calling device out."""
    sessions.log_out(current_user_id(), g.device_id)
    return ""


@accounts.post("/logout-everywhere")
@accounts.auth_required(auth)
@accounts.output({}, 204)
def log_out_everywhere() -> str:
    """Log all devices out, the calling one too."""
    sessions.revoke_all(current_user_id())
    return ""


@accounts.get("/me")
@accounts.auth_required(auth)
@accounts.output(UserOutput)
def show_profile() -> UserOutput:
    """Show your profile."""
    return UserOutput.model_validate(current_user())


@accounts.patch("/me")
@accounts.auth_required(auth)
@accounts.input(ProfilePatch, arg_name="data")
@accounts.output(UserOutput)
def update_profile(data: ProfilePatch) -> UserOutput:
    """Change your name, time zone or locale."""
    return service.update_profile(current_user(), data)


@accounts.delete("/me")
@limiter.limit(_login_limit)
@accounts.auth_required(auth)
@accounts.input(DeletionInput, arg_name="data")
@accounts.output(DeletionOutput, 202)
@accounts.doc(responses=[409])
def delete_account(data: DeletionInput) -> DeletionOutput:
    """Delete your account: all devices are logged out at once, and nobody can log in.

    Some days later everything you own is removed; until then the operator can restore it.
    """
    return deletion.request_deletion(current_user(), data)


@accounts.get("/export")
@limiter.limit(_export_limit)
@accounts.auth_required(auth)
@accounts.doc(responses=ZIP_RESPONSE)
def export_account() -> Response:
    """Export all your data, as a zip with one JSON file for each kind and with your files."""
    return Response(export.export(current_user()), mimetype="application/zip", headers=ZIP_HEADERS)


@accounts.post("/me/password")
@limit_by_user
@accounts.auth_required(auth)
@accounts.input(PasswordInput, arg_name="data")
@accounts.output({}, 204)
@accounts.doc(responses=[409])
def change_password(data: PasswordInput) -> str:
    """Change your password; all other devices are logged out."""
    service.change_password(current_user(), g.device_id, data)
    return ""


@accounts.get("/devices")
@accounts.auth_required(auth)
@accounts.input(PageQuery, location="query", arg_name="query")
@accounts.output(DevicesOutput)
def list_devices(query: PageQuery) -> dict[str, Any]:
    """List the devices that are logged in, the last seen first."""
    return sessions.list_devices(current_user_id(), g.device_id, query)


@accounts.delete("/devices/<uuid:device_id>")
@accounts.auth_required(auth)
@accounts.output({}, 204)
@accounts.doc(responses=[404])
def revoke_device(device_id: UUID) -> str:
    """Log one of your devices out."""
    sessions.revoke_device(current_user_id(), device_id)
    return ""
