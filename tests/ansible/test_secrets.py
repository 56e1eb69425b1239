"""`make secrets` writes what a vault lacks; `make rotate-secrets` keeps or forgets those before."""

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


def test_secrets_from_before_are_kept_until_they_are_forgotten(project: Path) -> None:
    run(project, "make_secrets")
    before = yaml.safe_load(vault(project))

    assert "is changed" in run(project, "rotate_secrets", "jwt").stdout
    rotated = yaml.safe_load(vault(project))
    assert rotated["vault_before"] == {"jwt_secret": before["vault_jwt_secret"]}
    assert rotated["vault_jwt_secret"] != before["vault_jwt_secret"]

    assert "is changed" in run(project, "rotate_secrets", "forget").stdout
    assert yaml.safe_load(vault(project)) == {
        name: value for name, value in rotated.items() if name != "vault_before"
    }


def test_where_there_is_nothing_to_forget_the_vault_stays(project: Path) -> None:
    run(project, "make_secrets")
    file = project / VAULT
    before = file.read_bytes()

    told = run(project, "rotate_secrets", "forget").stdout

    assert "there is nothing to forget" in told
    assert "changed" not in told
    assert file.read_bytes() == before


def test_a_rotation_that_fails_leaves_the_vault_as_it_was(project: Path) -> None:
    run(project, "make_secrets")
    file = project / VAULT
    before = file.read_bytes()
    # As a disk that is full, or a power that fails: the new vault does not get written.
    file.with_suffix(".draft").mkdir()

    assert run(project, "rotate_secrets", "jwt").returncode

    assert file.read_bytes() == before
    assert file.stat().st_mode & 0o077 == 0
