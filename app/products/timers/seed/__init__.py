"""Example timers for a demo account.

Here the server plays the client, the only place where it encrypts a timer. A client of this account
unlocks them with the passphrase PASSPHRASE; the form is that of the client in
docs/products/timers.md.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.accounts.models import User
from app.products.timers import keys, service
from app.products.timers.schemas import TimerInput, TimerKeyInput

PASSPHRASE = "demo otters"  # noqa: S105 - it hides nothing
KEY_ID = "demo"
ALGORITHM: Final = "AES-256-GCM"
NONCE_BYTES = 12


def seed(user: User) -> None:
    """Give a user a key and four timers."""
    data_key = AESGCM.generate_key(256)
    keys.create_key(user.id, _wrap(data_key))
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    timers = [
        ("dentist", 9, {"title": "Dental check-up", "recurrence": "FREQ=MONTHLY;INTERVAL=6"}),
        ("vacation", 45, {"title": "To the sea", "notes": "The tickets are in the blue folder"}),
        ("exam", 21, {"title": "Exam in statistics"}),
        ("moved", -100, {"title": "In the new flat"}),
    ]
    for timer_id, days, payload in timers:
        nonce = os.urandom(NONCE_BYTES)
        text = json.dumps(payload).encode()
        text = text.ljust(-(-len(text) // 256) * 256)
        aad = f"timer:1:{KEY_ID}:{timer_id}".encode()
        timer = TimerInput(
            id=timer_id,
            due_at=today + timedelta(days=days),
            time_zone="UTC",
            all_day=True,
            finished=days < 0,
            key_id=KEY_ID,
            algorithm=ALGORITHM,
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, text, aad),
        )
        service.create_timer(user.id, timer)


def _wrap(data_key: bytes) -> TimerKeyInput:
    salt, nonce = os.urandom(16), os.urandom(NONCE_BYTES)
    memory_kib, iterations, parallelism = 19456, 2, 1
    derived = hash_secret_raw(
        PASSPHRASE.encode(), salt, iterations, memory_kib, parallelism, 32, Type.ID
    )
    return TimerKeyInput(
        id=KEY_ID,
        salt=salt,
        memory_kib=memory_kib,
        iterations=iterations,
        parallelism=parallelism,
        algorithm=ALGORITHM,
        nonce=nonce,
        wrapped_key=AESGCM(derived).encrypt(nonce, data_key, f"timer-key:1:{KEY_ID}".encode()),
    )
