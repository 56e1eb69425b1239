"""The operator's project as far as its secrets go: the inventory `mine`, its vault encrypted."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.make_secrets import fresh_secret
from tests.lab.playbooks import ROOT

VAULT = "inventories/mine/group_vars/all/vault.yml"
PROGRAM = Path(sys.executable).parent / "ansible-vault"


def make(folder: Path, secrets: Mapping[str, object]) -> Path:
    """Make it.

    Args:
        folder: that gets it; there is none yet.
        secrets: of the vault, by name.

    Returns:
        the folder.
    """
    shutil.copytree(ROOT / "inventories/lab", folder / "inventories/mine")
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("ansible.cfg", "Makefile"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / ".vault-password").touch(mode=0o600)
    (folder / ".vault-password").write_text(f"{fresh_secret()}\n")
    _vault(folder, "encrypt", "--output", VAULT, "-", text=yaml.safe_dump(dict(secrets)))
    return folder


def opened(folder: Path) -> dict[str, Any]:
    """What the vault has.

    Raises:
        AssertionError: it does not open.
    """
    values: dict[str, Any] = yaml.safe_load(_vault(folder, "view", VAULT))
    return values


def _vault(folder: Path, *words: str, text: str = "") -> str:
    done = subprocess.run(
        [PROGRAM, *words], cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
