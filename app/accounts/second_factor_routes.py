"""Endpoints of the second factor."""

from apiflask import APIBlueprint

from app.accounts import second_factor as service
from app.accounts.authentication import auth, current_user
from app.accounts.routes import limit_by_user
from app.accounts.schemas import (
    ConfirmFactorInput,
    EnrolInput,
    EnrolledOutput,
    ProtectedInput,
    RecoveryCodesOutput,
    SecondFactorOutput,
)

second_factor = APIBlueprint(
    "second_factor", __name__, url_prefix="/v1/accounts/me/second-factor", tag="Second factor"
)


@second_factor.get("")
@second_factor.auth_required(auth)
@second_factor.output(SecondFactorOutput)
def show_second_factor() -> SecondFactorOutput:
    """Show whether your second factor is on."""
    return service.show(current_user())


@second_factor.post("")
@limit_by_user
@second_factor.auth_required(auth)
@second_factor.input(EnrolInput, arg_name="data")
@second_factor.output(EnrolledOutput, 201)
@second_factor.doc(responses=[409])
def enrol_second_factor(data: EnrolInput) -> EnrolledOutput:
    """Enrol an authenticator; it is asked for once you have confirmed a code of it."""
    return service.enrol(current_user(), data)


@second_factor.post("/confirm")
@second_factor.auth_required(auth)
@second_factor.input(ConfirmFactorInput, arg_name="data")
@second_factor.output(RecoveryCodesOutput)
@second_factor.doc(responses=[409])
def confirm_second_factor(data: ConfirmFactorInput) -> RecoveryCodesOutput:
    """Turn your second factor on with a first code; the answer has your recovery codes."""
    return service.confirm(current_user(), data)


@second_factor.post("/recovery-codes")
@limit_by_user
@second_factor.auth_required(auth)
@second_factor.input(ProtectedInput, arg_name="data")
@second_factor.output(RecoveryCodesOutput)
@second_factor.doc(responses=[409])
def replace_recovery_codes(data: ProtectedInput) -> RecoveryCodesOutput:
    """Replace your recovery codes."""
    return service.regenerate(current_user(), data)


@second_factor.post("/disable")
@limit_by_user
@second_factor.auth_required(auth)
@second_factor.input(ProtectedInput, arg_name="data")
@second_factor.output({}, 204)
@second_factor.doc(responses=[409])
def disable_second_factor(data: ProtectedInput) -> str:
    """Turn your second factor off."""
    service.disable(current_user(), data)
    return ""
