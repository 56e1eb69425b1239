"""The lock of a release: held on by who took it last, also when it has expired meanwhile."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "roles/app/files/host/lock.py"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    made = tmp_path / "lock.py"
    made.write_text(SOURCE.read_text().replace("/opt/fivebox", str(tmp_path)))
    return made


def run(program: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(program), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_one_that_expired_is_held_on_by_who_took_it(program: Path) -> None:
    key = run(program, "take", "ada@desk", "0").stdout.strip()
    assert run(program, "show").stdout == "free\n"
    assert run(program, "hold", key).returncode == 0


def test_one_that_another_took_meanwhile_is_not(program: Path) -> None:
    key = run(program, "take", "ada@desk", "0").stdout.strip()
    run(program, "take", "bob@desk", "5")
    done = run(program, "hold", key)
    assert done.returncode == 1
    assert "bob@desk holds the lock" in done.stderr


def test_one_that_was_given_back_is_not(program: Path) -> None:
    key = run(program, "take", "ada@desk", "5").stdout.strip()
    run(program, "free", key)
    done = run(program, "hold", key)
    assert (done.returncode, done.stderr) == (1, "fivebox lock: the lock was given back\n")
