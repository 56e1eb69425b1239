"""Timers, and the wrapped keys that their owners encrypt them with."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, OwnedRow


class TimerKey(OwnedRow, Base):
    """A data key, encrypted (wrapped) under a key derived from the user's passphrase.

    `kdf`, `salt`, `memory_kib`, `iterations` and `parallelism` derive that key; `algorithm` and
    `nonce` belong to the wrapping. New timers use the one key that is `current`.
    """

    __tablename__ = "user_timer_keys"

    kdf: Mapped[str]
    salt: Mapped[bytes]
    memory_kib: Mapped[int] = mapped_column(BigInteger)
    iterations: Mapped[int] = mapped_column(BigInteger)
    parallelism: Mapped[int] = mapped_column(BigInteger)
    algorithm: Mapped[str]
    nonce: Mapped[bytes]
    wrapped_key: Mapped[bytes]
    current: Mapped[bool]


class Timer(OwnedRow, Base):
    """A countdown. `ciphertext` ends with the tag of 16 bytes, as AEAD interfaces give it
    (RFC 5116, section 5).

    An all-day one is due at the begin of its day in `time_zone`. No nonce serves twice with a key:
    the table timer_nonces keeps them, by a trigger.
    """

    __tablename__ = "user_timers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "key_id"],
            ["user_timer_keys.user_id", "user_timer_keys.id"],
            deferrable=True,
            initially="DEFERRED",
        ),
    )

    due_at: Mapped[datetime]
    time_zone: Mapped[str | None]
    all_day: Mapped[bool]
    finished: Mapped[bool]
    key_id: Mapped[str]
    algorithm: Mapped[str]
    nonce: Mapped[bytes]
    ciphertext: Mapped[bytes]
