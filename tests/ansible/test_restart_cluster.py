"""restart_cluster.yml takes the primary last, on hosts that are this machine."""

import shlex
import shutil
from pathlib import Path

import pytest

from tests.ansible.cluster_command import program
from tests.ansible.plays import ROOT, run_play

HOSTS = ("db1", "db2", "db3")
# As fivebox-cluster names them: db1 leads, db2 confirms its writes.
MEMBERS = ["db3", "db2", "db1"]


def play(folder: Path, *options: str, members: list[str] = MEMBERS, fails: str = "") -> int:
    """Run the playbook where fivebox-cluster notes what it is told; returns the exit status.

    Args:
        folder: for all of it.
        options: further words of the command line.
        members: that fivebox-cluster names.
        fails: what it fails at.
    """
    names = shlex.join(members)
    script = f"""
echo "$*" >> {shlex.quote(str(folder / "told"))}
case "$*" in await) printf '%s\\n' {names} ;; {fails or "nothing"}) exit 1 ;; esac
"""
    program(folder, "fivebox-cluster", script)
    shutil.copytree(ROOT / "playbooks/tasks", folder / "tasks", dirs_exist_ok=True)
    text = (ROOT / "playbooks/restart_cluster.yml").read_text()
    playbook = folder / "restart_cluster.yml"
    playbook.write_text(text.replace("become: true", "become: false"))
    variables = {"fivebox_database_cluster": True, "restart_upgrades": False}
    hosts: dict[str, dict[str, str]] = {name: {} for name in HOSTS}
    status, _ = run_play(
        folder,
        "restart_cluster.yml",
        *options,
        groups={"database": hosts},
        variables=variables,
    )
    return status


def told(folder: Path) -> list[str]:
    """What fivebox-cluster was told."""
    return (folder / "told").read_text().splitlines()


def test_the_primary_is_the_last_and_another_has_taken_over(tmp_path: Path) -> None:
    assert play(tmp_path) == 0
    assert told(tmp_path) == ["await", "restart db3", "restart db2", "switchover", "restart db1"]


def test_a_preview_only_looks(tmp_path: Path) -> None:
    assert play(tmp_path, "--check") == 0
    assert told(tmp_path) == ["await"]


def test_a_standby_that_fails_ends_it(tmp_path: Path) -> None:
    assert play(tmp_path, fails="'restart db3'") != 0
    assert told(tmp_path) == ["await", "restart db3"]


@pytest.mark.parametrize("members", [[], ["db3", "other", "db1"]])
def test_members_that_are_not_the_inventory_s_are_refused(
    tmp_path: Path, members: list[str]
) -> None:
    assert play(tmp_path, members=members) != 0
    assert told(tmp_path) == ["await"]
