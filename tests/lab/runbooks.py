"""The pages of docs/runbooks as what they are: commands, each of which a test runs.

A test follows a page by `Runbook`, which fails when the test leaves out a command that RUN_BY gives
to it. tests/docs/test_runbooks.py fails for a command that none of these runs.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.lab.hosts import SSH_OPTIONS, Host
from tests.lab.playbooks import DOMAIN, ROOT, Play
from tests.lab.state import KEY

FOLDER = ROOT / "docs/runbooks"
# The first line of a block of commands for the operator's machine; all others are for a host.
HERE = "# on your machine"
# What stands for a value that the text above a command names.
PLACEHOLDERS = ("ADDRESS", "FILE", "HOST", "NAME", "PID", "TIME", "UNIT", "USER_ID")
PLAY = "ansible-playbook -i inventories/mine playbooks/"
# Exit statuses by which programs tell that they found something, or nothing.
TELLING = {r"\bgrep\b": 1, r"\bsystemctl\b.* status ": 3, r"\bpg_amcheck\b": 2}

# Which test runs which sections of a page.
RUN_BY: dict[str, dict[str, set[int]]] = {
    "tests/lab/test_runbooks.py": {
        "backups": {1, 2, 3, 4},
        "cache-evictions": {1, 2, 3},
        "certificate": {1, 2, 3, 4, 5},
        "corrupted-page": {1, 2, 3},
        "data-deleted": {1, 3, 4, 5},
        "database-down": {1, 2, 4, 5},
        "disk-full": {1, 2, 4, 5, 7},
        "host": {1, 2, 3, 4, 5},
        "monitoring": {1, 2, 3, 5, 6},
        "outage": {1, 2, 3, 4, 5, 6, 7},
        "slow-service": {1, 2, 3, 4, 5, 6, 7},
    },
    "tests/lab/test_rotation.py": {"secret-leaked": {1, 2, 3, 4, 5, 6}},
    "tests/lab/test_alerts.py": {"monitoring": {4}},
    "tests/lab/loss.py": {
        "backups": {5},
        "corrupted-page": {2, 4, 5, 6},
        "data-deleted": {6, 7},
        "host-lost": {1, 2, 3, 4, 5},
    },
    "tests/lab/cluster_disk.py": {"disk-full": {3}},
    "tests/lab/cluster.py": {"lost-primary": {1, 2, 3, 4, 5}, "lost-quorum": {1, 2, 3, 4, 5}},
}
# Commands of many pages, and the test that runs them for all.
ELSEWHERE = {
    f"{PLAY}maintenance.yml -e on=false": "tests/lab/test_verbs.py",
    f"{PLAY}maintenance.yml -e on=true": "tests/lab/test_verbs.py",
    f"{PLAY}rollback.yml": "tests/lab/test_releases.py",
    f"{PLAY}site.yml": "tests/lab/drill.py",
    f"{PLAY}status.yml": "tests/lab/test_verbs.py",
}


@dataclass(frozen=True)
class Command:
    """A command of a page; `here` is for the operator's machine. Section 0 has no number."""

    page: str
    section: int
    here: bool
    text: str


def pages() -> list[str]:
    """The names of all pages but their list."""
    return sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")


def commands(page: str) -> list[Command]:
    """The commands of a page, in its order.

    Args:
        page: its name, without the ending.
    """
    found: list[Command] = []
    section, inside, here = 0, False, False
    for line in (FOLDER / f"{page}.md").read_text().splitlines():
        if line.startswith("## "):
            number = re.match(r"## (\d+)\. ", line)
            section = int(number[1]) if number else 0
        elif line.startswith("```"):
            inside, here = line == "```sh", False
        elif line == HERE:
            here = inside
        elif inside and line:
            found.append(Command(page, section, here, line))
    return found


class Desk:
    """The operator's machine: the lab's host, name, inventory and key for those of the pages."""

    def __init__(
        self, host: Host, root: str, folder: Path, play: Callable[..., Play], project: Path = ROOT
    ) -> None:
        """
        Args:
            host: that the public name leads to.
            root: file of the certificates that the lab's authority issues.
            folder: for programs that know of the lab.
            play: runs a playbook by its name and further words.
            project: where the commands run.
        """
        self._play = play
        self._project = project
        self._address = host.address
        programs = folder / "programs"
        programs.mkdir(parents=True)
        wrapped = {
            "ssh": f"exec /usr/bin/ssh {shlex.join(SSH_OPTIONS)} -i {KEY}",
            # The environment is there already.
            "make": "exec /usr/bin/make --assume-old=.venv/.dev",
        }
        for name, text in wrapped.items():
            (programs / name).write_text(f'#!/bin/sh\n{text} "$@"\n')
            (programs / name).chmod(0o755)
        (folder / ".curlrc").write_text(
            f'resolve = "{DOMAIN}:443:{host.address}"\ncacert = "{root}"\n'
        )
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "CURL_HOME": str(folder)}

    def run(self, text: str) -> tuple[str, int]:
        """Run a command; what it printed, and its exit status."""
        if text.startswith(PLAY):
            name, *words = shlex.split(text.removeprefix(PLAY))
            # What an operator types when asked.
            typed = ("-e", f"restore_confirm={DOMAIN}") if name == "restore.yml" else ()
            played = self._play(name.removesuffix(".yml"), *words, *typed)
            return played.output, int(played.failed)
        done = subprocess.run(
            # Only curl is told where the name leads.
            ["bash", "-c", text.replace(f"@{DOMAIN}", f"@{self._address}")],
            cwd=self._project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr, done.returncode


class Runbook:
    """A page that a test follows, section by section."""

    def __init__(self, page: str, by: str, desk: Desk | None = None, prelude: str = "") -> None:
        """
        Args:
            page: its name, without the ending.
            by: the test's `__file__`.
            desk: the operator's machine, where the page has commands for it.
            prelude: what the lab's hosts need before each command.
        """
        self.page = page
        self._desk = desk
        self._left = set(RUN_BY[str(Path(by).relative_to(ROOT))][page])
        self._exports = prelude

    def __enter__(self) -> "Runbook":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if fault is None:
            assert not self._left, f"{self.page}.md: sections {self._left} were not run"

    def run(
        self,
        section: int,
        host: Host | None = None,
        *,
        desk: Desk | None = None,
        failing: Sequence[str] = (),
        **values: str,
    ) -> list[str]:
        """Run the commands of a section in their order, but those of ELSEWHERE.

        Args:
            section: its number.
            host: that its commands are for.
            desk: another machine of the operator.
            failing: beginnings of commands that must fail in this situation.
            values: of its placeholders.

        Returns:
            what each printed.

        Raises:
            AssertionError: one of them fails, or does not though it should.
        """
        chosen = [
            command
            for command in commands(self.page)
            if command.section == section and command.text not in ELSEWHERE
        ]
        assert chosen, f"{self.page}.md has no commands in section {section}"
        self._left.discard(section)
        outputs = []
        for command in chosen:
            text = filled(command.text, values)
            where = (desk or self._desk) if command.here else host
            assert where, f"{self.page}.md: nowhere to run {text}"
            output, status = where.run(text) if isinstance(where, Desk) else self._on(where, text)
            # That is a fault of the page in any situation.
            assert "command not found" not in output, f"{self.page}.md: {text}\n{output}"
            failed = bool(status) and not _tells(text, status)
            expected = text.startswith(tuple(failing))
            assert failed == expected, f"{self.page}.md: {text}\nstatus {status}\n{output}"
            outputs.append(output)
        return outputs

    def _on(self, host: Host, text: str) -> tuple[str, int]:
        if text.startswith("export "):
            self._exports += f"{text}; "
        done = host.ssh(self._exports + text, check=False)
        return done.stdout + done.stderr, done.returncode


def _tells(text: str, status: int) -> bool:
    return any(re.search(program, text) and status == of for program, of in TELLING.items())


def filled(text: str, values: dict[str, str]) -> str:
    """A command with the values of its placeholders, and the lab's name for the operator's.

    Raises:
        AssertionError: it has none, or one of them is missing.
    """
    missing = set(placeholders(text)) - values.keys()
    assert not missing, f"{text}: no value for {missing}"
    for name, value in values.items():
        text = re.sub(rf"\b{name}\b", lambda _, value=value: value, text)
    return text.replace("api.example.com", DOMAIN)


def placeholders(text: str) -> list[str]:
    """The placeholders in a command."""
    return [name for name in PLACEHOLDERS if re.search(rf"\b{name}\b", text)]
