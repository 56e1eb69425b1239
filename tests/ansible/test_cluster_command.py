"""fivebox-cluster waits until the members are well, and does not believe what may be old."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
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


def test_await_does_not_believe_a_member_without_quorum(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    answers = f"echo x >> {asked}\necho '{json.dumps(WELL)}'\n"
    assert run(tmp_path, answers, "await", quorum=[False, False, True]).returncode == 0
    assert len(asked.read_text().splitlines()) == 3


def test_without_etcd_the_status_is_no_news(tmp_path: Path) -> None:
    done = run(tmp_path, "echo as it was", "status", quorum=[False])
    assert (done.returncode, done.stdout) == (1, "as it was\n")
    assert "etcd has no quorum" in done.stderr


@contextmanager
def etcd(quorum: list[bool]) -> Iterator[str]:
    """An etcd that says in turn whether it has a quorum; the last answer stays. Yields its URL."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            well = quorum.pop(0) if len(quorum) > 1 else quorum[0]
            self.send_response(200 if well else 503)
            self.end_headers()
            self.wfile.write(json.dumps({"health": str(well).lower()}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def run(
    folder: Path, answers: str, word: str, quorum: list[bool] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command where patronictl and etcd answer so."""
    stub = folder / "patronictl"
    stub.write_text(f"#!/bin/sh\n{answers}\n")
    stub.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    with etcd(quorum or [True]) as url:
        program = folder / "fivebox-cluster"
        program.write_text(COMMAND.read_text().replace("http://127.0.0.1:2381", url))
        return subprocess.run(
            ["python3", program, word],
            env=environment,
            timeout=60,
            capture_output=True,
            text=True,
            check=False,
        )
