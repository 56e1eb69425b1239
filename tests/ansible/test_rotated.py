"""site.yml waits for rotate_secrets.yml, on API hosts that are folders of this machine."""

from pathlib import Path

import pytest

from tests.ansible.plays import ROOT, run_play

PLAY = """
- hosts: api
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: rotated.yml
      when: vault_before is defined
      run_once: true
"""
OLD = {"jwt_secret": "a" * 64, "database_app_password": "b" * 48, "redis_password": "c" * 48}
ROTATED = {
    "FIVEBOX_JWT_SECRET": "d" * 64,
    "FIVEBOX_JWT_OTHER_SECRET": OLD["jwt_secret"],
    "FIVEBOX_DATABASE_URL": "postgresql://fivebox_app:eeee@/fivebox",
    "FIVEBOX_REDIS_URL": "redis://:ffff@localhost",
}
TOLD = "vault_before: the API still uses secrets of before; run rotate_secrets.yml"


def play(folder: Path, *environments: dict[str, str] | None, **variables: object) -> str:
    """Run the check on hosts with these settings; returns what it refused for."""
    tasks = (ROOT / "playbooks/tasks/rotated.yml").read_text()
    file = "{{ hostvars[item].folder }}/api.env"
    (folder / "rotated.yml").write_text(tasks.replace("/etc/fivebox/api.env", f'"{file}"'))
    (folder / "play.yml").write_text(PLAY)
    hosts = {}
    for number, environment in enumerate(environments):
        place = folder / f"api{number}"
        place.mkdir()
        hosts[f"api{number}"] = {"folder": str(place)}
        if environment is not None:
            lines = (f"{name}='{value}'\n" for name, value in environment.items())
            (place / "api.env").write_text("".join(lines))
    status, output = run_play(folder, "play.yml", groups={"api": hosts}, variables=variables)
    assert not any(secret in output for secret in OLD.values())
    assert (status == 0) == (TOLD not in output), output
    return output if status else ""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("FIVEBOX_JWT_SECRET", "jwt_secret"),
        ("FIVEBOX_DATABASE_URL", "database_app_password"),
        ("FIVEBOX_REDIS_URL", "redis_password"),
    ],
)
def test_one_host_with_one_secret_of_before_is_enough(tmp_path: Path, name: str, kind: str) -> None:
    late = {**ROTATED, name: f"of:{OLD[kind]}@it"}
    assert "SECRETS=forget" in play(tmp_path, ROTATED, late, vault_before=OLD)


def test_after_the_rotation_nothing_waits(tmp_path: Path) -> None:
    assert not play(tmp_path, ROTATED, ROTATED, vault_before=OLD)


def test_a_new_host_uses_nothing_yet(tmp_path: Path) -> None:
    assert not play(tmp_path, None, vault_before=OLD)


def test_nothing_waits_where_nothing_is_rotated(tmp_path: Path) -> None:
    assert not play(tmp_path, {"FIVEBOX_JWT_SECRET": OLD["jwt_secret"]})
