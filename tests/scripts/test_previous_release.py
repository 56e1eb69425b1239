"""`make test-previous`: tests and code of the release before, with the migrations of this one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}
# Of the old release: its code is old, and the schema the new one.
OLD_TESTS = """
from pathlib import Path


def test_the_api():
    assert Path("code").read_text() == "old"
    assert Path("migrations/0002").exists()
    assert {passes}
"""


def _run(folder: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **NAMES},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _commit(folder: Path, *tag: str) -> None:
    for words in (["add", "-A"], ["commit", "-q", "-m", "x"], *([["tag", *tag]] if tag else [])):
        code, printed = _run(folder, "git", *words)
        assert code == 0, printed


def _previous(folder: Path, *words: str) -> tuple[int, str]:
    return _run(folder, sys.executable, "scripts/test_previous.py", *words)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One without a release."""
    for name in ("scripts", "migrations", "tests/lab"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(ROOT / "scripts/test_previous.py", tmp_path / "scripts")
    (tmp_path / "migrations/0001").touch()
    (tmp_path / "code").write_text("old")
    # What is not of the API is not run.
    (tmp_path / "tests/lab/test_lab.py").write_text("def test_the_lab():\n    assert False\n")
    assert _run(tmp_path, "git", "init", "-q")[0] == 0
    return tmp_path


def _release(repository: Path, passes: bool) -> None:
    """Release it as v1.0.0, and go on."""
    tests = repository / "tests/test_api.py"
    tests.write_text(OLD_TESTS.format(passes=passes))
    _commit(repository, "v1.0.0")
    (repository / "migrations/0002").touch()
    (repository / "code").write_text("new")
    tests.write_text("def test_of_this_release():\n    assert False\n")
    _commit(repository)


def test_the_old_tests_run_on_the_new_schema(repository: Path) -> None:
    _release(repository, passes=True)
    for words in ((), ("v1.0.0",)):
        code, printed = _previous(repository, *words)
        assert code == 0, printed
        assert "The tests of v1.0.0 on the schema of this release:" in printed
        assert "1 passed" in printed


def test_an_old_test_that_fails_is_told(repository: Path) -> None:
    _release(repository, passes=False)
    code, printed = _previous(repository)
    assert code == 1
    assert "1 failed" in printed


def test_the_first_release_has_none_before(repository: Path) -> None:
    _commit(repository)
    code, printed = _previous(repository)
    assert code == 0
    assert printed == "There is no release before this one.\n"
