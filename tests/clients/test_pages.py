"""The whole programs of the two pages, as a reader saves and runs them."""

import subprocess
from pathlib import Path

import pytest

from tests.clients.server import Server
from tests.conftest import Account
from tests.node import node

START = ["--import", "./loader.js"]


@pytest.mark.parametrize("kind", ["rxdb", "watermelondb"])
def test_the_whole_syncs_and_warns_of_nothing(
    kind: str, folders: dict[str, Path], server: Server, account: Account
) -> None:
    program = (folders[kind] / "main.js").read_text()
    for told, meant in (
        ("http://127.0.0.1:8000", server.url),
        ("you@example.com", account.email),
        ("a long passphrase", account.password),
    ):
        assert told in program
        program = program.replace(told, meant)
    # A browser's page ends it; in Node its timers go on.
    program += "process.exit();\n"
    (folders[kind] / "mine.js").write_text(program)
    hook = START if kind == "watermelondb" else []
    for wanted in (["Read"], ["Read", "Read"]):
        done = subprocess.run(
            [node(), *hook, "mine.js"],
            cwd=folders[kind],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        names = ", ".join(f"'{name}'" for name in wanted)
        assert done.stdout.splitlines()[-1] == f"[ {names} ]"
        assert "does not exist" not in done.stdout + done.stderr
