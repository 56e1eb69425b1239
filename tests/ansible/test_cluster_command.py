"""fivebox-cluster waits until the members are well, and does not believe what may be old."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.ansible.cluster_command import Row, program, rows, run

WELL = rows(("Leader", "running"), ("Sync Standby", "streaming"), ("Replica", "streaming"))
BEHIND = rows(("Leader", "running"), ("Sync Standby", "streaming"), ("Replica", "starting"))
ASTRAY = rows(("Leader", "running"), ("Sync Standby", "streaming"), ("Replica", "running"))
ALONE = rows(("Leader", "running"), ("Replica", "streaming"), ("Replica", "streaming"))


@pytest.mark.parametrize(
    ("unwell", "waits"), [([], 1), ([BEHIND], 2), ([ALONE, BEHIND], 3), ([ASTRAY], 2)]
)
def test_await_returns_when_all_are_well(
    tmp_path: Path, unwell: list[list[Row]], waits: int
) -> None:
    for number, found in enumerate([*unwell, WELL]):
        (tmp_path / f"answer{number}").write_text(json.dumps(found))
    asked = tmp_path / "asked"
    answers = f"echo x >> {asked}\ncat {tmp_path}/answer$(($(wc -l < {asked}) - 1))\n"
    assert answering(tmp_path, answers, "await").returncode == 0
    assert len(asked.read_text().splitlines()) == waits


def test_a_patroni_that_shows_no_streaming_is_believed(tmp_path: Path) -> None:
    found = rows(("Leader", "running"), ("Sync Standby", "running"), ("Replica", "running"))
    assert answering(tmp_path, f"echo '{json.dumps(found)}'", "await").returncode == 0


def test_await_does_not_believe_a_member_without_quorum(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    answers = f"echo x >> {asked}\necho '{json.dumps(WELL)}'\n"
    assert answering(tmp_path, answers, "await", quorum=[False, False, True]).returncode == 0
    assert len(asked.read_text().splitlines()) == 3


def test_await_names_the_primary_last_and_the_synchronous_standby_before(tmp_path: Path) -> None:
    assert answering(tmp_path, f"echo '{json.dumps(WELL)}'", "await").stdout == "db2\ndb1\ndb0\n"


def test_one_member_restarts_alone(tmp_path: Path) -> None:
    told = tmp_path / "told"
    answers = f"case $3 in list) echo '{json.dumps(WELL)}' ;; *) echo $* >> {told} ;; esac"
    assert answering(tmp_path, answers, "restart", "db1").returncode == 0
    assert told.read_text() == "-c /etc/patroni/config.yml restart fivebox db1 --force\n"


def test_without_etcd_the_status_is_no_news(tmp_path: Path) -> None:
    done = answering(tmp_path, "echo as it was", "status", quorum=[False])
    assert (done.returncode, done.stdout) == (1, "as it was\n")
    assert "etcd has no quorum" in done.stderr


def answering(
    folder: Path, answers: str, *words: str, quorum: list[bool] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command where patronictl is this script."""
    program(folder, "patronictl", answers)
    return run(folder, *words, quorum=quorum)
