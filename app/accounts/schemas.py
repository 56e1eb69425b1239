"""What the account endpoints take and give."""

from datetime import datetime
from functools import cache
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, EmailStr, Field, StringConstraints

from app.schemas import Body, Output, Patch

# Walks the folders of the time zone database.
_zones = cache(available_timezones)


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("must be an IANA time zone such as Europe/Vienna")
    return name


Email = Annotated[EmailStr, StringConstraints(to_lower=True, max_length=254)]
# Spaces around a password belong to it.
Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=10, max_length=128)]
GivenPassword = Annotated[str, StringConstraints(strip_whitespace=False, max_length=128)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
# Language, script and region of a BCP 47 tag (RFC 5646), such as de-AT or es-419.
Locale = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$")
]


class RegisterInput(Body):
    email: Email
    password: Password
    name: Name
    device_name: Name = "unnamed"
    time_zone: TimeZone = "UTC"
    locale: Locale = "en"


# Six digits, or a recovery code with its hyphen; spaces do no harm.
Code = Annotated[str, StringConstraints(min_length=6, max_length=20)]
MailedToken = Annotated[str, Field(max_length=100, description="What follows `#token=`.")]


class LoginInput(Body):
    email: Email
    password: GivenPassword
    device_name: Name = "unnamed"
    code: Code | None = Field(
        None,
        description="Of the authenticator, or a recovery code; after `second-factor-required`.",
    )
    last_refresh_token: Annotated[str, Field(max_length=200)] | None = Field(
        None,
        description="The last refresh token this device was given, even an ended one: it proves a "
        "known device, which guesses of others at the password do not slow down.",
    )


class RefreshInput(Body):
    refresh_token: Annotated[str, Field(max_length=200)]


class ProfilePatch(Patch):
    name: Name | None = None
    time_zone: TimeZone | None = None
    locale: Locale | None = None


class PasswordInput(Body):
    current_password: GivenPassword
    new_password: Password


class MailedTokenInput(Body):
    token: MailedToken


class RequestResetInput(Body):
    email: Email


class ResetPasswordInput(Body):
    token: MailedToken
    new_password: Password


class ChangeAddressInput(Body):
    new_email: Email
    password: GivenPassword


class EnrolInput(Body):
    password: GivenPassword


class ConfirmFactorInput(Body):
    code: Code


class ProtectedInput(Body):
    password: GivenPassword
    code: Code


class DeletionInput(Body):
    password: GivenPassword


class DeletionOutput(Output):
    purged_after: datetime = Field(description="Until then the operator can restore the account.")


class UserOutput(Output):
    id: UUID
    email: str
    email_verified_at: datetime | None
    name: str
    role: Literal["user", "admin"]
    time_zone: str
    locale: str
    created_at: datetime


class TokensOutput(Output):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name
    expires_in: int = Field(description="Seconds until the access token ends.")
    device_id: UUID


class SessionOutput(Output):
    user: UserOutput
    tokens: TokensOutput


class DeviceOutput(Output):
    id: UUID
    name: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    current: bool = Field(False, description="Whether this request came from it.")
    last_sync_at: datetime | None = Field(None, description="null when it never synced.")
    last_sync_rev: int | None = Field(None, description="The newest revision that it pulled.")


class DevicesOutput(Output):
    items: list[DeviceOutput]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class AcceptedOutput(Output):
    detail: str


class SecondFactorOutput(Output):
    enabled: bool
    recovery_codes_left: int


class EnrolledOutput(Output):
    secret: str = Field(description="Base32, to type in.")
    uri: str = Field(description="otpauth:// URI, to show as a QR code.")


class RecoveryCodesOutput(Output):
    recovery_codes: list[str] = Field(description="Each serves once; shown only now.")
