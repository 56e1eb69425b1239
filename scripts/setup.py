"""Create the virtual environment and install pinned packages; needs only Python itself.

usage: python3 scripts/setup.py FOLDER REQUIREMENTS
"""

import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)


def main(folder: str, requirements: str) -> None:
    """Install the packages of a requirements file into a virtual environment.

    Args:
        folder: of the environment; made when missing.
        requirements: file with hashes.
    """
    if sys.version_info < OLDEST:
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; "
                 "name another with: make PYTHON=python3.12 run")  # fmt: skip
    python = Path(folder) / "bin" / "python"
    if not _works(python):
        print("Creating the virtual environment ...", flush=True)
        made = _run([sys.executable, "-m", "venv", "--clear", folder])
        if made.returncode:
            sys.exit(
                "python3 has no venv module; on Debian or Ubuntu: apt-get install python3-venv"
            )
    print(f"Installing {requirements}, a minute or two at first ...", flush=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = _run([*install, "--require-hashes", "--only-binary=:all:", "-r", requirements])
    if done.returncode:
        sys.exit(f"{_fault(done.stderr)}\nThe packages were not installed; "
                 "mend what the line above says and run make again.")  # fmt: skip


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _works(python: Path) -> bool:
    try:
        return _run([str(python), "-m", "pip", "--version"]).returncode == 0
    except OSError:
        return False


def _fault(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [n for n, line in enumerate(lines) if line.startswith("ERROR")]
    if not errors:
        return lines[-1] if lines else ""
    # A wheel that is not what was pinned is named in the line after.
    wrong = [line for line in lines[errors[-1] + 1 :] if " from " in line]
    return " ".join([lines[errors[-1]], *wrong[:1]])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("Stopped; run make again to go on.")
