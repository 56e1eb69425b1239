"""The systems that hosts start from: what a provider's fresh Debian has, and no more."""

import shutil
from pathlib import Path

from tests.lab.state import FOLDER, lock, run

SUITES = ("bookworm", "trixie")
PACKAGES = (
    "systemd,systemd-sysv,dbus,python3,python3-apt,openssh-server,sudo,iproute2,ca-certificates,procps,"
    "curl,cron,gnupg,libpam-systemd"
)


def ensure(suite: str) -> Path:
    """Build the base of a Debian suite, once.

    Args:
        suite: bookworm (12) or trixie (13).

    Returns:
        the folder of its root file system.
    """
    with lock(f"base-{suite}"):
        target = FOLDER / f"base-{suite}"
        if not target.exists():
            draft = FOLDER / f"base-{suite}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            # The package lists stay: a host made from it need not fetch them first.
            options = ["--variant=minbase", f"--include={PACKAGES}", "--skip=cleanup/apt/lists"]
            run("mmdebstrap", "--quiet", *options, suite, str(draft))
            # Every host makes its own.
            for key in (draft / "etc/ssh").glob("ssh_host_*"):
                key.unlink()
            draft.rename(target)
    return target


def packages(suite: str) -> Path:
    """Folder of the packages that hosts of a suite have downloaded before."""
    folder = FOLDER / f"packages-{suite}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
