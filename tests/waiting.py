"""Waiting for what another thread or process does."""

import contextlib
import http.client
import time
from collections.abc import Callable
from typing import Any

GIVE_UP_SECONDS = 20


def wait_until(
    condition: Callable[[], Any], about: str = "", seconds: float = GIVE_UP_SECONDS
) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if found := condition():
                return found
        time.sleep(0.02)
    raise AssertionError(f"never came true: {about or condition}")
