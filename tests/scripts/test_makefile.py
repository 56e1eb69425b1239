"""A target that needs an inventory says so."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = re.findall(r"^([a-z-]+):.*\(ENV=mine", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("target", TARGETS)
def test_a_missing_inventory_is_asked_for(target: str) -> None:
    # "make test" gives its own settings to what it runs.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "ENV" and not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        # The environment of the tests need not be the one that make would set up.
        ["make", "--old-file=.venv/.dev", target],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert re.match(rf"Name (the inventory|both): make {target} ENV=mine", done.stdout)
    assert "Traceback" not in done.stderr
