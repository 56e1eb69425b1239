"""The systems that hosts start from: what a provider's fresh Debian has, and no more."""

import shutil
import time
from pathlib import Path

from tests.lab.state import FOLDER, lock, run

SUITES = ("bookworm", "trixie")
MAX_AGE_DAYS = 7
PACKAGES = (
    "systemd,systemd-sysv,dbus,python3,python3-apt,openssh-server,sudo,iproute2,ca-certificates,procps,"
    "curl,cron,gnupg,libpam-systemd"
)


def ensure(suite: str) -> Path:
    """Build the base of a Debian suite; one whose package lists have grown old is built anew.

    Args:
        suite: bookworm (12) or trixie (13).

    Returns:
        the folder of its root file system.
    """
    with lock(f"base-{suite}"):
        target = FOLDER / f"base-{suite}"
        if target.exists() and _is_old(target) and not _in_use(target):
            shutil.rmtree(target)
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


def _is_old(target: Path) -> bool:
    return time.time() - target.stat().st_mtime > MAX_AGE_DAYS * 86_400


def _in_use(target: Path) -> bool:
    return f"lowerdir={target}," in Path("/proc/mounts").read_text()


def packages(suite: str) -> Path:
    """Folder of the packages that hosts of a suite have downloaded before."""
    folder = FOLDER / f"packages-{suite}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
