"""What `make` says when it cannot set the environment up."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def setup(project: Path) -> Path:
    return project / "scripts/setup.py"


def test_an_old_python_is_named_with_the_remedy(setup: Path, tmp_path: Path) -> None:
    old = "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)'"
    run = "import runpy; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", f"{old}; {run}", str(setup), "venv", "none.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Python 3.11 or newer is needed, this is 3.9.2; "
        "name another with: make PYTHON=python3.12 run\n"
    )


def test_a_broken_wheel_is_named(setup: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "broken-1.0-py3-none-any.whl"
    wheel.write_bytes(b"cut off")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"broken @ file://{wheel} --hash=sha256:{'0' * 64}\n")
    done = subprocess.run(
        [sys.executable, str(setup), str(tmp_path / "venv"), str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "broken" in done.stderr
    assert "The packages were not installed" in done.stderr
    assert "Traceback" not in done.stderr
