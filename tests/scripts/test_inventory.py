"""What the scripts say of an inventory that cannot be read."""

from pathlib import Path

import pytest

from tests.mine import SETTINGS, VAULT, run, vault

READERS = ["make_cloud_init", "logs"]
OPENERS = [("make_secrets",), ("rotate_secrets", "jwt")]


@pytest.mark.parametrize("script", READERS)
def test_a_slip_in_a_file_is_named_with_its_line(project: Path, script: str) -> None:
    settings = project / SETTINGS
    text = settings.read_text()
    line = text.splitlines().index('fivebox_domain: ""') + 1
    settings.write_text(text.replace("fivebox_domain: ", "fivebox_domain:", 1))
    hosts = project / "inventories/mine/hosts.yml"
    hosts.write_text("all:\n  hosts:\n\tbox:\n")
    done = run(project, script)
    assert done.returncode == 1
    assert not done.stdout
    # The line where nothing can follow what is written.
    near = [f"{SETTINGS}, line {number}: this is no YAML" for number in range(line, line + 4)]
    assert any(place in done.stderr for place in near), done.stderr
    assert "inventories/mine/hosts.yml, line 3: this is no YAML" in done.stderr


@pytest.mark.parametrize("words", [(script,) for script in READERS] + OPENERS, ids=" ".join)
def test_a_slip_in_the_vault_is_named_with_its_line(project: Path, words: tuple[str, ...]) -> None:
    whole = vault(project)
    vault(project, "decrypt")
    (project / VAULT).write_text(f"{whole}\tvault_api_settings: {{}}\n")
    vault(project, "encrypt")
    done = run(project, *words)
    assert done.returncode == 1
    line = whole.count("\n") + 1
    assert done.stderr.startswith(f"{VAULT}, line {line}: this is no YAML: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("script", READERS)
def test_a_missing_password_is_named(project: Path, script: str) -> None:
    (project / ".vault-password").unlink()
    done = run(project, script)
    assert done.returncode == 1
    assert "There is no .vault-password at the project's root" in done.stderr
    assert "Traceback" not in done.stderr
