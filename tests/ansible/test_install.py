"""Packages of a release: linked from one that has the same, and installed where that fails."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "roles/app/files/install.sh"
# In the places of the venv's Python, of pip, and of the Python that makes a venv.
PYTHON = """#!/bin/sh
here=$(dirname "$0")
case "$2" in import*) [ ! -e "$here/damaged" ];; esac
"""
MAKER = """#!/bin/sh
mkdir -p venv/bin
cp {stand_in} venv/bin/python
[ ! -e {folder}/bad-wheels ] || touch venv/bin/damaged
printf '#!/bin/sh\\ntouch venv/fresh\\n' > venv/bin/pip
chmod +x venv/bin/pip
"""


class Host:
    """Release 1.0 with its packages, and 2.0, which needs the same ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.old, self.new = (folder / f"releases/{version}" for version in ("1.0", "2.0"))
        for path in (self.programs, self.old / "venv/bin", self.new / "app"):
            path.mkdir(parents=True)
        for release in (self.old, self.new):
            (release / "requirements-3.11.txt").touch()
        (self.old / "installed").touch()
        (self.old / "venv/pyvenv.cfg").write_text(f"command = {self.old}/venv\n")
        self.put(self.old / "venv/bin/python", PYTHON)
        maker = MAKER.format(stand_in=self.old / "venv/bin/python", folder=folder)
        self.put(self.programs / "python3", maker)
        self.script = folder / "install.sh"
        self.script.write_text(SCRIPT.read_text().replace("/opt/fivebox", str(folder)))

    def put(self, path: Path, text: str) -> None:
        """Make a program."""
        path.write_text(text)
        path.chmod(0o755)

    def install(self) -> bool:
        """Install 2.0; whether that went well."""
        done = subprocess.run(
            ["sh", self.script, self.new, "3.11"],
            env=os.environ | {"PATH": f"{self.programs}:{os.environ['PATH']}"},
            check=False,
        )
        assert (done.returncode == 0) == (self.new / "installed").exists()
        return done.returncode == 0

    @property
    def fresh(self) -> bool:
        """Whether pip installed the packages of 2.0."""
        return (self.new / "venv/fresh").exists()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_packages_are_linked_from_a_release_that_has_the_same(host: Host) -> None:
    assert host.install()
    assert not host.fresh
    assert (host.new / "venv/bin/python").samefile(host.old / "venv/bin/python")
    assert (host.new / "venv/pyvenv.cfg").read_text() == f"command = {host.new}/venv\n"
    assert (host.old / "venv/pyvenv.cfg").read_text() == f"command = {host.old}/venv\n"


@pytest.mark.parametrize("program", ["cp", "sed"])
def test_links_that_fail_half_way_are_not_kept(host: Host, program: str) -> None:
    # It has made some, as on a disk that filled up. What makes a venv copies without -al.
    half = 'case "$1" in -al|-i) mkdir -p venv/half; exit 1;; esac'
    host.put(host.programs / program, f'#!/bin/sh\n{half}\nexec /bin/{program} "$@"\n')
    assert host.install()
    assert host.fresh
    assert not (host.new / "venv/half").exists()


def test_packages_that_do_not_work_are_not_linked(host: Host) -> None:
    (host.old / "venv/bin/damaged").touch()
    assert host.install()
    assert host.fresh


def test_a_release_whose_packages_do_not_work_is_not_installed(host: Host) -> None:
    (host.old / "installed").unlink()
    (host.folder / "bad-wheels").touch()
    assert not host.install()
