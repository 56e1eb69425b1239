"""`make backup-config`: an inventory and its vault in one file, and never a plain secret."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from tests import mine


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with an inventory and its vault."""
    mine.copy(tmp_path)
    assert mine.run(tmp_path, "make_secrets").returncode == 0
    (tmp_path / "out").mkdir()
    return tmp_path


def pack(project: Path, target: str = "out") -> "subprocess.CompletedProcess[str]":
    return mine.run(project, "backup_config", target)


def test_it_has_the_inventory_and_not_the_password(project: Path) -> None:
    done = pack(project)

    assert done.returncode == 0, done.stderr
    (packed,) = (project / "out").iterdir()
    assert packed.stat().st_mode & 0o077 == 0
    with tarfile.open(packed) as archive:
        vault = archive.extractfile("inventories/mine/group_vars/all/vault.yml")
        assert vault is not None
        assert vault.read().startswith(b"$ANSIBLE_VAULT;")
        assert "inventories/mine/hosts.yml" in archive.getnames()
        assert not any(name.endswith(".vault-password") for name in archive.getnames())


def test_a_plain_vault_is_refused(project: Path) -> None:
    (project / "inventories/mine/group_vars/all/vault.yml").write_text("vault_a: plain\n")

    done = pack(project)

    assert done.returncode == 1
    assert "is not encrypted" in done.stderr
    assert list((project / "out").iterdir()) == []


def test_a_vault_that_does_not_open_is_refused(project: Path) -> None:
    (project / ".vault-password").write_text("another\n")

    done = pack(project)

    assert done.returncode == 1
    assert "does not open" in done.stderr
    assert list((project / "out").iterdir()) == []


def test_a_missing_folder_is_named(project: Path) -> None:
    done = pack(project, "nowhere")

    assert done.returncode == 1
    assert "nowhere is no folder" in done.stderr
