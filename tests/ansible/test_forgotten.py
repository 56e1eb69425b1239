"""site.yml does not lock a member of the database's cluster out whose line was lost."""

from pathlib import Path

import pytest

from tests.ansible.cluster_command import ROOT, program
from tests.ansible.plays import run_play

COMMAND = "/usr/local/sbin/fivebox-cluster"
PLAY = """
- hosts: database
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: forgotten.yml
"""


def play(folder: Path) -> tuple[int, str]:
    """Run the check on db1 and db2, on this machine; returns the exit status and the output."""
    tasks = (ROOT / "playbooks/tasks/forgotten.yml").read_text()
    (folder / "forgotten.yml").write_text(tasks.replace(COMMAND, f"{folder}/fivebox-cluster"))
    (folder / "play.yml").write_text(PLAY)
    hosts: dict[str, dict[str, str]] = {"db1": {}, "db2": {}}
    return run_play(folder, "play.yml", groups={"database": hosts})


def test_a_member_without_a_line_is_named(tmp_path: Path) -> None:
    program(tmp_path, "fivebox-cluster", "printf 'db1\\ndb2\\ndb4\\n'")
    status, text = play(tmp_path)
    assert status
    assert "db4 runs as a member of the database's cluster, and is not in the group" in text
    assert "remove_host.yml -e host=db4" in text


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("printf 'db1\\ndb2\\n'", id="all are named"),
        pytest.param("echo db1", id="one is away"),
        pytest.param("echo usage >&2; exit 1", id="it cannot tell"),
        pytest.param(None, id="there is none yet"),
    ],
)
def test_it_is_no_hindrance_otherwise(tmp_path: Path, script: str | None) -> None:
    if script:
        program(tmp_path, "fivebox-cluster", script)
    status, text = play(tmp_path)
    assert not status, text
