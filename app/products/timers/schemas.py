"""What the timer endpoints take and give."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from app.accounts.schemas import TimeZone
from app.pages import PageQuery
from app.products.timers.encoding import Base64, Base64Output
from app.schemas import Body, Moment, Output, Patch, RowId, refuse

FIRST_MOMENT, LAST_MOMENT = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# In RFC 3339, as clients write them; pydantic's own limits would be told as Python does.
_FIRST_TEXT, _LAST_TEXT = (f"{limit:%Y-%m-%dT%H:%M:%SZ}" for limit in (FIRST_MOMENT, LAST_MOMENT))
MAX_KEYS = 100
PAYLOAD_FIELDS = ("key_id", "algorithm", "nonce", "ciphertext")

# Both take a nonce of 12 bytes and end the ciphertext with a tag of 16 (RFC 5116, RFC 8439).
Algorithm = Literal["AES-256-GCM", "ChaCha20-Poly1305"]
Nonce = Annotated[bytes, Base64(12, 12)]
Ciphertext = Annotated[bytes, Base64(16, 16384)]
WrappedKey = Annotated[bytes, Base64(48, 48)]
Salt = Annotated[bytes, Base64(16, 64)]


def _be_in_range(moment: datetime) -> datetime:
    if not FIRST_MOMENT <= moment <= LAST_MOMENT:
        raise ValueError(f"must be from {_FIRST_TEXT} to {_LAST_TEXT}")
    return moment


DueMoment = Annotated[
    Moment,
    AfterValidator(_be_in_range),
    Field(json_schema_extra={"ge": _FIRST_TEXT, "le": _LAST_TEXT}),
]


class TimerFields(Body):
    """A whole timer."""

    due_at: DueMoment
    time_zone: TimeZone | None = Field(None, description="The zone in which the user means it.")
    all_day: bool = Field(False, description="Due at the begin of a day in `time_zone`.")
    finished: bool = False
    key_id: RowId
    algorithm: Algorithm
    nonce: Nonce = Field(description="Never used before with this key.")
    ciphertext: Ciphertext = Field(description="With its tag; 16 bytes to 16 KiB.")

    @model_validator(mode="after")
    def begin_a_day(self) -> Self:
        """An all-day timer names a day: the begin of it in its zone."""
        if self.all_day:
            if self.time_zone is None:
                refuse({"time_zone": "is required of an all-day timer"})
            elif not _begins_day(self.due_at, ZoneInfo(self.time_zone)):
                refuse({"due_at": "must be the begin of a day in the time_zone when all_day"})
        return self


class TimerInput(TimerFields):
    id: RowId = Field(description="Made by the client: the encryption is bound to it.")


class TimerPatch(Patch):
    """The fields to change; null takes the time zone away."""

    can_be_empty = frozenset({"time_zone"})

    due_at: DueMoment | None = None
    time_zone: TimeZone | None = None
    all_day: bool | None = None
    finished: bool | None = None
    key_id: RowId | None = None
    algorithm: Algorithm | None = None
    nonce: Nonce | None = None
    ciphertext: Ciphertext | None = None

    @model_validator(mode="after")
    def keep_payload_whole(self) -> Self:
        """The parts of a payload make sense only together."""
        missing = [name for name in PAYLOAD_FIELDS if getattr(self, name) is None]
        if len(missing) < len(PAYLOAD_FIELDS):
            refuse(dict.fromkeys(missing, "is required in a new payload"))
        return self


class TimerOutput(Output):
    id: str
    due_at: datetime
    time_zone: str | None
    all_day: bool
    finished: bool
    key_id: str
    algorithm: Algorithm
    nonce: Base64Output
    ciphertext: Base64Output
    rev: int
    created_at: datetime
    updated_at: datetime


class TimersQuery(PageQuery):
    due_from: DueMoment | None = Field(None, description="Due then or later.")
    due_before: DueMoment | None = Field(None, description="Due before that.")
    finished: bool | None = Field(None, description="Only finished, or only unfinished timers.")


class TimersOutput(Output):
    items: list[TimerOutput]
    next: str | None


class WrappingFields(Body):
    """A data key as the passphrase wraps it; the least costs are OWASP's for Argon2id."""

    kdf: Literal["argon2id"] = "argon2id"
    salt: Salt
    memory_kib: int = Field(ge=19456, le=1048576, description="Memory of Argon2id, in KiB.")
    iterations: int = Field(ge=2, le=100)
    parallelism: int = Field(ge=1, le=16)
    algorithm: Algorithm
    nonce: Nonce
    wrapped_key: WrappedKey = Field(description="The data key of 32 bytes, encrypted, with tag.")


class TimerKeyInput(WrappingFields):
    id: RowId
    replaces: RowId | None = Field(
        None, description="The key that was current until now; null for the first one."
    )


class RewrappedKey(WrappingFields):
    id: RowId
    rev: int = Field(ge=0, le=2**62, description="Of the key as this device read it.")


class RewrapInput(Body):
    keys: list[RewrappedKey] = Field(min_length=1, max_length=MAX_KEYS)

    @field_validator("keys")
    @classmethod
    def name_each_once(cls, keys: list[RewrappedKey]) -> list[RewrappedKey]:
        """Two wrappings of one key would leave open which one holds."""
        if len({key.id for key in keys}) < len(keys):
            raise ValueError("names a key twice")
        return keys


class TimerKeyOutput(Output):
    id: str
    kdf: str
    salt: Base64Output
    memory_kib: int
    iterations: int
    parallelism: int
    algorithm: Algorithm
    nonce: Base64Output
    wrapped_key: Base64Output
    current: bool
    rev: int
    created_at: datetime
    updated_at: datetime


class TimerKeysOutput(Output):
    items: list[TimerKeyOutput] = Field(description="All keys, by id; at most 100.")


def _begins_day(moment: datetime, zone: ZoneInfo) -> bool:
    # Not always at midnight: where the clocks go forward then, the day begins an hour later.
    before = moment.astimezone(UTC) - timedelta(microseconds=1)
    return before.astimezone(zone).date() != moment.astimezone(zone).date()


def wrapping_of(data: WrappingFields) -> dict[str, Any]:
    """The fields of a wrapping, without what a request adds to them."""
    return data.model_dump(include=set(WrappingFields.model_fields))
