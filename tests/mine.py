"""A copy of the project as far as inventories go, with one named `mine`, for what runs on it."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = "inventories/mine/group_vars/all/settings.yml"
VAULT = "inventories/mine/group_vars/all/vault.yml"


def copy(folder: Path) -> Path:
    """Make the copy.

    Args:
        folder: an empty one.
    """
    for name in ("scripts", "inventories"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "inventories/single", folder / "inventories/mine")
    shutil.copy(ROOT / "ansible.cfg", folder)
    return folder


def run(project: Path, script: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a script of the copy on that inventory.

    Args:
        project: the copy.
        script: its name.
        words: further ones of the command line.
    """
    command = [sys.executable, "-m", f"scripts.{script}", "mine", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def vault(project: Path, verb: str = "view") -> str:
    """Run ansible-vault on the vault of that inventory.

    Args:
        project: the copy.
        verb: view, encrypt or decrypt.
    """
    command = [Path(sys.executable).parent / "ansible-vault", verb, VAULT]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return done.stdout
