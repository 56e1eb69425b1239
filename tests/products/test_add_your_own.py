"""The guide docs/products/add-your-own.md, followed to the letter in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```", re.M | re.S)
COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
# In place of make, which would install what is here already; one process: others are at work.
MAKE = f"""
set -euo pipefail
make() {{
    [ "$1" = test ]
    {sys.executable} -m pytest -p no:cacheprovider ${{2#ARGS=}}
}}
"""


@pytest.fixture
def guide(project: Path) -> str:
    return (project / "docs" / "products" / "add-your-own.md").read_text()


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """The files of the repository, in a folder of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=project, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / name, tmp_path / name)
    return tmp_path


def test_the_migration_follows_the_newest(project: Path, guide: str) -> None:
    newest = max(path.name[:4] for path in (project / "migrations" / "versions").glob("0*.py"))
    (followed,) = re.findall(r'^down_revision = "(\w+)"$', guide, re.M)
    assert followed == newest, "name the newest migration in the guide"


def test_a_product_made_by_the_guide_passes_the_tests_of_all(copy: Path, guide: str) -> None:
    files = dict(FILE.findall(guide))
    assert len(files) > 8
    for name, text in files.items():
        path = copy / name
        assert not path.exists(), name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    for check in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--no-cache", *files]
        done = subprocess.run(ruff, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    (commands,) = COMMANDS.findall(guide)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FIVEBOX_", "COV", "PROM"))}
    done = subprocess.run(
        ["bash", "-c", MAKE + commands],
        cwd=copy,
        env={**clean, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout[-500:]
    assert int(passed[1]) > 50
