"""fivebox-cluster waits until the members are well."""

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
    stub = tmp_path / "patronictl"
    stub.write_text(
        f"#!/bin/sh\necho x >> {asked}\ncat {tmp_path}/answer$(($(wc -l < {asked}) - 1))\n"
    )
    stub.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["python3", COMMAND, "await"], env=environment, timeout=60, check=True)
    assert len(asked.read_text().splitlines()) == waits
