"""Run a flask command in the environment of the running `make run`."""

import os
import sys
from pathlib import Path

from local.state import environment_of

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Become `flask <words>`; the arguments are the folder of `make run` and the words."""
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    environment = environment_of(folder)
    if environment is None:
        sys.exit("Nothing runs here that a command could act on; first, elsewhere: make run")
    command = [sys.executable, "-m", "flask", "--app", str(ROOT / "wsgi.py"), *words]
    os.execve(sys.executable, command, {**os.environ, **environment})  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
