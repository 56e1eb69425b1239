"""`make secrets` writes what a vault lacks; `make rotate-secrets` keeps or forgets those before."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts import internal_ca
from scripts.make_secrets import NAMES

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project as far as secrets go, with an inventory `mine`."""
    for name in ("scripts", "inventories"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "inventories/single", tmp_path / "inventories/mine")
    shutil.copy(ROOT / "ansible.cfg", tmp_path)
    return tmp_path


def make(project: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "scripts/make_secrets.py", "mine"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def rotate(project: Path, *kinds: str) -> str:
    command = [sys.executable, "-m", "scripts.rotate_secrets", "mine", *kinds]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return done.stdout


def vault(project: Path, verb: str = "view") -> str:
    command = [PROGRAMS / "ansible-vault", verb, "inventories/mine/group_vars/all/vault.yml"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_vault_has_all_secrets_encrypted(project: Path) -> None:
    done = make(project)
    assert done.returncode == 0, done.stderr
    values = yaml.safe_load(vault(project))
    assert set(values) == {*NAMES, *internal_ca.NAMES}
    file = project / "inventories/mine/group_vars/all/vault.yml"
    assert file.read_text().startswith("$ANSIBLE_VAULT")
    assert file.stat().st_mode & 0o077 == 0
    assert not any(value in done.stdout for value in values.values())


def test_an_old_vault_gets_what_it_lacks(project: Path) -> None:
    make(project)
    file = project / "inventories/mine/group_vars/all/vault.yml"
    before = yaml.safe_load(vault(project))
    old = "".join(f"{name}: {before[name]}\n" for name in NAMES[1:])
    vault(project, "decrypt")
    file.write_text(f"---\n# A note.\n{old}")
    vault(project, "encrypt")

    assert make(project).returncode == 0
    text = vault(project)
    after = yaml.safe_load(text)
    assert set(after) == set(before)
    assert all(after[name] == before[name] for name in NAMES[1:])
    assert "# A note." in text


def test_a_whole_vault_is_left_alone(project: Path) -> None:
    make(project)
    file = project / "inventories/mine/group_vars/all/vault.yml"
    before = file.read_bytes()
    done = make(project)
    assert done.returncode != 0
    assert "none is overwritten" in done.stderr
    assert file.read_bytes() == before


def test_secrets_from_before_are_kept_until_they_are_forgotten(project: Path) -> None:
    make(project)
    before = yaml.safe_load(vault(project))

    assert "is changed" in rotate(project, "jwt")
    rotated = yaml.safe_load(vault(project))
    assert rotated["vault_before"] == {"jwt_secret": before["vault_jwt_secret"]}
    assert rotated["vault_jwt_secret"] != before["vault_jwt_secret"]

    assert "is changed" in rotate(project, "forget")
    assert yaml.safe_load(vault(project)) == {
        name: value for name, value in rotated.items() if name != "vault_before"
    }


def test_where_there_is_nothing_to_forget_the_vault_stays(project: Path) -> None:
    make(project)
    file = project / "inventories/mine/group_vars/all/vault.yml"
    before = file.read_bytes()

    told = rotate(project, "forget")

    assert "there is nothing to forget" in told
    assert "changed" not in told
    assert file.read_bytes() == before
