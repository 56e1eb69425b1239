"""What a request leaves to be written: a thread of the process does it a moment later, for many.

Why, and what a process that is killed loses: docs/decisions/0014-written-a-moment-later.md.
"""

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

MOMENT_SECONDS = 0.1

Note = TypeVar("Note")

_logger = logging.getLogger(__name__)
_tasks: list[Callable[[], None]] = []
_due = threading.Event()
_starting = threading.Lock()
_thread = threading.Thread()


def register(task: Callable[[], None]) -> None:
    """Let something be done whenever requests have left something.

    Args:
        task: takes what was left since it was called last; threads may call it at the same time.
    """
    _tasks.append(task)


def soon() -> None:
    """Let the tasks be done within a moment."""
    if not _due.is_set():
        try:
            _start()
        except RuntimeError:
            # No thread is to be had just now; the next request tries again.
            return
        _due.set()


def now() -> None:
    """Do the tasks."""
    for task in _tasks:
        try:
            task()
        except Exception:
            _logger.exception("what requests left was not written")


# Once the last request is answered: Python joins the threads of a pool before.
atexit.register(now)


def taken(notes: deque[Note]) -> list[Note]:
    """What requests left so far, which is taken away; for one thread at a time."""
    return [notes.popleft() for _ in range(len(notes))]


def _start() -> None:
    global _thread
    with _starting:
        if not _thread.is_alive():
            _thread = threading.Thread(target=_run, daemon=True, name="later")
            _thread.start()


def _begin_anew() -> None:
    """In a process that was forked: it has no thread of its parent's, which answers no requests."""
    global _due, _starting
    _due, _starting = threading.Event(), threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)


def _run() -> None:
    while True:
        _due.wait()
        time.sleep(MOMENT_SECONDS)
        _due.clear()
        now()
