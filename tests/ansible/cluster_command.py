"""Running fivebox-cluster where patronictl, psql and etcd are what a test says."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "roles/patroni/files/fivebox-cluster"
Row = dict[str, Any]


def rows(*states: tuple[str, str]) -> list[Row]:
    """What patronictl tells: role and state of each member."""
    return [
        {"Member": f"db{number}", "Host": "127.0.0.1", "Role": role, "State": state}
        for number, (role, state) in enumerate(states)
    ]


def program(folder: Path, name: str, script: str) -> None:
    """Let the command find this shell script under a name."""
    made = folder / name
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o755)


def run(
    folder: Path,
    *words: str,
    quorum: list[bool] | None = None,
    instead: dict[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run the command with the programs of a folder.

    Args:
        folder: of what program() made.
        words: of the command line.
        quorum: what etcd says in turn.
        instead: texts of the command, with what stands there here.
    """
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    with etcd(quorum or [True]) as url:
        text = COMMAND.read_text()
        for old, new in {"http://127.0.0.1:2381": url, **(instead or {})}.items():
            assert old in text
            text = text.replace(old, new)
        (folder / "fivebox-cluster").write_text(text)
        return subprocess.run(
            ["python3", folder / "fivebox-cluster", *words],
            env=environment,
            timeout=60,
            capture_output=True,
            text=True,
            check=False,
        )


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
