"""What a host of the lab shares with the machine that it runs on: memory, processors and clock."""

import ctypes
import mmap
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.lab.hosts import PROCESSORS

# Of the machine's memory, while it is full; MemoryFull begins at 0.85.
FULL = 0.88
# adjtimex(2): the modes ADJ_MAXERROR and ADJ_STATUS, the status STA_UNSYNC, and in microseconds the
# error above which the kernel takes its clock for not set.
MAXERROR, STATUS = 0x0004, 0x0010
UNSYNC = 0x0040
MOST = 16_000_000
# struct timex on a 64-bit machine, up to its status; and the bytes of all of it.
TIMEX = "IxxxxqqqqI"
TIMEX_BYTES = 208


@contextmanager
def memory_full() -> Iterator[None]:
    """Use most of the machine's memory."""
    memory = psutil.virtual_memory()
    size = int(memory.available - (1 - FULL) * memory.total)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    with mmap.mmap(-1, size, flags=flags):
        yield


@contextmanager
def processors_busy() -> Iterator[None]:
    """Burn what nobody else uses of the machine's processors."""
    loop = ["nice", "-n", "19", "sh", "-c", "while :; do :; done"]
    burning = [subprocess.Popen(["taskset", "--cpu-list", str(cpu), *loop]) for cpu in PROCESSORS]
    try:
        yield
    finally:
        for each in burning:
            each.kill()
            each.wait()


@contextmanager
def clock(*, is_set: bool) -> Iterator[None]:
    """Let the kernel take its clock for set just now, or for not set for long.

    The time stays as it is, and afterwards it is taken for what it was.
    """
    before, error = _adjtimex(0, 0, 0)
    if is_set:
        _adjtimex(MAXERROR | STATUS, before & ~UNSYNC, 0)
    else:
        _adjtimex(MAXERROR | STATUS, before | UNSYNC, MOST)
    try:
        yield
    finally:
        _adjtimex(MAXERROR | STATUS, before, error)


def _adjtimex(modes: int, status: int, error: int) -> tuple[int, int]:
    """adjtimex(2); returns the status and the maximum error in microseconds."""
    buffer = ctypes.create_string_buffer(TIMEX_BYTES)
    struct.pack_into(TIMEX, buffer, 0, modes, 0, 0, error, 0, status)
    if ctypes.CDLL(None, use_errno=True).adjtimex(buffer) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    *_, error, _, status = struct.unpack_from(TIMEX, buffer)
    return status, error
