"""Waiting for what a host does by itself."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], seconds: float, about: str = "") -> float:
    """Wait for a condition.

    Args:
        condition: asked again and again.
        seconds: that it may take.
        about: what is waited for, told when it does not come.

    Returns:
        the seconds it took.
    """
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"{about}: not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - begun
