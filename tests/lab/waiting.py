"""Waiting for what a host does by itself."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait for a condition; returns the seconds it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - begun
