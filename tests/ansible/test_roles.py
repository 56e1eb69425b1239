"""What every role promises its reader."""

from pathlib import Path

import pytest
import yaml

from scripts.role_readme import ROLES, render, specification

ROLE_FOLDERS = sorted(path for path in ROLES.iterdir() if path.is_dir())

pytestmark = pytest.mark.parametrize("role", ROLE_FOLDERS, ids=lambda role: role.name)


def defaults(role: Path) -> dict[str, object]:
    return yaml.safe_load((role / "defaults" / "main.yml").read_text()) or {}


def test_every_default_is_specified(role: Path) -> None:
    assert set(defaults(role)) == set(specification(role)["options"])


def test_the_specification_names_the_defaults(role: Path) -> None:
    options = specification(role)["options"]
    stated = {name: option.get("default") for name, option in options.items()}
    assert stated == defaults(role)


def test_variables_carry_the_role_s_name(role: Path) -> None:
    assert all(name.startswith(f"{role.name}_") for name in defaults(role))


def test_every_variable_is_described(role: Path) -> None:
    for name, option in specification(role)["options"].items():
        assert option.get("description"), name


def test_secrets_are_marked(role: Path) -> None:
    for name, option in specification(role)["options"].items():
        if any(word in name for word in ("password", "secret", "pepper")):
            assert option.get("no_log"), name


def test_the_readme_is_current(role: Path) -> None:
    assert (role / "README.md").read_text() == render(role), "run: python -m scripts.role_readme"


def test_every_role_has_a_scenario(role: Path) -> None:
    files = {path.name for path in (ROLES.parent / "molecule" / role.name).glob("*.yml")}
    assert {"molecule.yml", "converge.yml", "verify.yml"} <= files
