"""What a running `make run` keeps in its folder for others: that it runs, and its environment."""

import fcntl
import json
from pathlib import Path
from typing import IO

LOCK = "lock"
ENVIRONMENT = "environment.json"


class RunningAlready(Exception):
    """Another process serves the data of this folder."""


def lock(folder: Path) -> IO[str]:
    """Keep a second start off the same data; the lock goes with the process.

    Raises:
        RunningAlready: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = (folder / LOCK).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RunningAlready from None
    return file


def keep_environment(folder: Path, environment: dict[str, str]) -> None:
    """Keep what a flask command needs of the environment, readable by this user only."""
    path = folder / ENVIRONMENT
    needed = {k: v for k, v in environment.items() if k.startswith(("FIVEBOX_", "FLASK_"))}
    path.touch(mode=0o600)
    path.write_text(json.dumps(needed))


def forget_environment(folder: Path) -> None:
    """Say that nothing is served any more."""
    (folder / ENVIRONMENT).unlink(missing_ok=True)


def environment_of(folder: Path) -> dict[str, str] | None:
    """The environment of what serves the data of a folder; None when nothing does."""
    # One that was killed leaves the file, but not the lock.
    try:
        if folder.is_dir():
            lock(folder).close()
        return None
    except RunningAlready:
        path = folder / ENVIRONMENT
        found: dict[str, str] | None = json.loads(path.read_text()) if path.exists() else None
        return found
