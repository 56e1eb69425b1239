"""`make secrets` writes what a vault lacks, and nothing over what it has."""

from pathlib import Path

import pytest
import yaml

from scripts import internal_ca
from scripts.make_secrets import NAMES
from tests import mine
from tests.mine import VAULT, run, vault


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return mine.copy(tmp_path)


def test_a_vault_has_all_secrets_encrypted(project: Path) -> None:
    done = run(project, "make_secrets")
    assert done.returncode == 0, done.stderr
    values = yaml.safe_load(vault(project))
    assert set(values) == {*NAMES, *internal_ca.NAMES}
    file = project / VAULT
    assert file.read_text().startswith("$ANSIBLE_VAULT")
    assert file.stat().st_mode & 0o077 == 0
    assert not any(value in done.stdout for value in values.values())


def test_an_old_vault_gets_what_it_lacks(project: Path) -> None:
    run(project, "make_secrets")
    file = project / VAULT
    before = yaml.safe_load(vault(project))
    old = "".join(f"{name}: {before[name]}\n" for name in NAMES[1:])
    vault(project, "decrypt")
    file.write_text(f"---\n# A note.\n{old}")
    vault(project, "encrypt")

    assert run(project, "make_secrets").returncode == 0
    text = vault(project)
    after = yaml.safe_load(text)
    assert set(after) == set(before)
    assert all(after[name] == before[name] for name in NAMES[1:])
    assert "# A note." in text


def test_a_whole_vault_is_left_alone(project: Path) -> None:
    run(project, "make_secrets")
    file = project / VAULT
    before = file.read_bytes()
    done = run(project, "make_secrets")
    assert done.returncode == 0, done.stderr
    assert "has all secrets; none is overwritten" in done.stdout
    assert file.read_bytes() == before
