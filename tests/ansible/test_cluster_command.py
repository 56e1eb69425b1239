"""fivebox-cluster waits until the members are well, and does not believe what may be old."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "roles/patroni/files/fivebox-cluster"
Row = dict[str, Any]


def rows(*states: tuple[str, str]) -> list[Row]:
    """What patronictl tells: role and state of each member."""
    return [
        {"Member": f"db{number}", "Role": role, "State": state}
        for number, (role, state) in enumerate(states)
    ]


WELL = rows(("Leader", "running"), ("Sync Standby", "streaming"), ("Replica", "streaming"))
BEHIND = rows(("Leader", "running"), ("Sync Standby", "streaming"), ("Replica", "starting"))
ALONE = rows(("Leader", "running"), ("Replica", "streaming"), ("Replica", "streaming"))


@pytest.mark.parametrize(("unwell", "waits"), [([], 1), ([BEHIND], 2), ([ALONE, BEHIND], 3)])
def test_await_returns_when_all_are_well(
    tmp_path: Path, unwell: list[list[Row]], waits: int
) -> None:
    for number, found in enumerate([*unwell, WELL]):
        (tmp_path / f"answer{number}").write_text(json.dumps(found))
    asked = tmp_path / "asked"
    answers = f"echo x >> {asked}\ncat {tmp_path}/answer$(($(wc -l < {asked}) - 1))\n"
    assert run(tmp_path, answers, "await").returncode == 0
    assert len(asked.read_text().splitlines()) == waits


def test_without_etcd_the_status_is_no_news(tmp_path: Path) -> None:
    done = run(tmp_path, "echo as it was", "status")
    assert (done.returncode, done.stdout) == (1, "as it was\n")
    assert "etcd has no quorum" in done.stderr


def run(folder: Path, answers: str, word: str) -> "subprocess.CompletedProcess[str]":
    """Run the command where patronictl answers so."""
    stub = folder / "patronictl"
    stub.write_text(f"#!/bin/sh\n{answers}\n")
    stub.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    command = ["python3", COMMAND, word]
    return subprocess.run(
        command, env=environment, timeout=60, capture_output=True, text=True, check=False
    )
