"""Reading an inventory in a script; what cannot be read ends it, with the file and the line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
ENCRYPTED = "$ANSIBLE_VAULT;"


def listed(inventory: Path) -> dict[str, Any]:
    """The groups, hosts and variables of an inventory.

    Args:
        inventory: its folder.

    Returns:
        what ansible-inventory lists.

    Raises:
        SystemExit: it cannot be read.
    """
    done = _run("ansible-inventory", "-i", inventory, "--list")
    if done.returncode:
        # Ansible names neither the file nor the line of a slip.
        sys.exit("\n".join(_slips(inventory)) or done.stderr.strip())
    groups: dict[str, Any] = json.loads(done.stdout)
    return groups


def vault(*words: str | Path, text: str = "") -> str:
    """Run ansible-vault.

    Args:
        words: of its command line.
        text: for its standard input.

    Returns:
        what it printed.

    Raises:
        SystemExit: it failed.
    """
    done = _run("ansible-vault", *words, text=text)
    if done.returncode:
        sys.exit(done.stderr.strip())
    return done.stdout


def write_vault(path: Path, text: str) -> None:
    """Write a vault, encrypted; one that is there stays until the new one is whole.

    Args:
        path: of the vault.
        text: of it, decrypted.

    Raises:
        SystemExit: it cannot be encrypted.
    """
    draft = path.with_suffix(".draft")
    vault("encrypt", "--output", draft, "-", text=text)
    draft.chmod(0o600)
    draft.rename(path)


def parse(path: Path, text: str) -> Any:
    """The values of a file, None when it has none.

    Args:
        path: of the file, to name it.
        text: of the file, decrypted.

    Raises:
        SystemExit: it is no YAML.
    """
    slip = _slip(path, text)
    if slip:
        sys.exit(slip)
    return yaml.safe_load(text)


def _slips(inventory: Path) -> Iterator[str]:
    for path in sorted(inventory.rglob("*.yml")):
        text = path.read_text()
        slip = _slip(path, vault("view", path) if text.startswith(ENCRYPTED) else text)
        if slip:
            yield slip


def _slip(path: Path, text: str) -> str:
    try:
        yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return f"{os.path.relpath(path, ROOT)}, line {line}: this is no YAML: {error.problem}"
    return ""


def _run(program: str, *words: str | Path, text: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAMS / program, *words],
        input=text,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
