"""Where the lab keeps its files, and what it needs of the machine."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Labs of different numbers (0 to 9) may run beside each other.
NUMBER = int(os.environ.get("FIVEBOX_LAB_NUMBER", "0"))
FOLDER = Path(os.environ.get("FIVEBOX_LAB_DIR", f"/var/lib/fivebox-lab{NUMBER or ''}"))
KEY = FOLDER / "key"
PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "ssh": "openssh-client",
    "curl": "curl",
    "openssl": "openssl",
    "pebble": "pebble",
    "wrk": "wrk",
    "chromium": "chromium",
}


def require_machine() -> None:
    """End with one line when this machine cannot hold the lab."""
    if os.geteuid():
        sys.exit("The lab needs root: it makes hosts and a network bridge.")
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        sys.exit(f"The lab needs more packages: apt-get install {' '.join(missing)}")


def run(*command: str, check: bool = True) -> str:
    """Run a program.

    Args:
        command: the program and its arguments.
        check: end with its message when it fails.

    Returns:
        what it printed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        sys.exit(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process at a time do a thing, such as building a base."""
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (FOLDER / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def public_key() -> str:
    """The lab's ssh key, made at first use."""
    with lock("key"):
        if not KEY.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(KEY))
    return KEY.with_suffix(".pub").read_text()
