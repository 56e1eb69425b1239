"""Endpoints of verified addresses and forgotten passwords: requests of mails, and their tokens."""

from apiflask import APIBlueprint
from flask import current_app

from app.accounts import addresses as service
from app.accounts.authentication import auth, current_user
from app.accounts.routes import limit_by_user
from app.accounts.schemas import (
    AcceptedOutput,
    ChangeAddressInput,
    MailedTokenInput,
    RequestResetInput,
    ResetPasswordInput,
)
from app.extensions import client_address, limiter

addresses = APIBlueprint("addresses", __name__, url_prefix="/v1/accounts", tag="Accounts")
ON_ITS_WAY = AcceptedOutput(detail="A mail is on its way.")


def _mail_limit() -> str:
    limit: str = current_app.extensions["settings"].rate_limit_mail
    return limit


limit_mail = limiter.shared_limit(_mail_limit, scope="mail", key_func=client_address)


@addresses.post("/verify-address/request")
@limit_mail
@addresses.auth_required(auth)
@addresses.output(AcceptedOutput, 202)
@addresses.doc(responses=[403, 409])
def request_verification() -> AcceptedOutput:
    """Ask for another mail that verifies your address; registration sent the first."""
    service.request_verification(current_user())
    return ON_ITS_WAY


@addresses.post("/verify-address")
@addresses.input(MailedTokenInput, arg_name="data")
@addresses.output({}, 204)
def verify_address(data: MailedTokenInput) -> str:
    """Verify an address with the token that was mailed to it."""
    service.verify_address(data)
    return ""


@addresses.post("/reset-password/request")
@limit_mail
@addresses.input(RequestResetInput, arg_name="data")
@addresses.output(AcceptedOutput, 202)
@addresses.doc(responses=[403])
def request_reset(data: RequestResetInput) -> AcceptedOutput:
    """Ask for a mail to choose a new password; the answer is the same for any address."""
    service.request_reset(data)
    return AcceptedOutput(detail="If the address has an account, a mail is on its way.")


@addresses.post("/reset-password")
@addresses.input(ResetPasswordInput, arg_name="data")
@addresses.output({}, 204)
def reset_password(data: ResetPasswordInput) -> str:
    """Choose a new password with the token of the mail; all devices are logged out.

    If the address was never verified, a second factor is turned off.
    """
    service.reset_password(data)
    return ""


@addresses.post("/change-address/request")
@limit_mail
@limit_by_user
@addresses.auth_required(auth)
@addresses.input(ChangeAddressInput, arg_name="data")
@addresses.output(AcceptedOutput, 202)
@addresses.doc(responses=[403])
def request_change(data: ChangeAddressInput) -> AcceptedOutput:
    """Ask for a mail to a new address; your address changes once that one is confirmed."""
    service.request_change(current_user(), data)
    return ON_ITS_WAY


@addresses.post("/change-address")
@addresses.input(MailedTokenInput, arg_name="data")
@addresses.output({}, 204)
@addresses.doc(responses=[409])
def change_address(data: MailedTokenInput) -> str:
    """Change the address with the token that was mailed to the new one."""
    service.change_address(data)
    return ""
