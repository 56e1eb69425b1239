"""Running a playbook on hosts that are this machine, and on such as do not answer."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
# Variables of a host that does not answer.
LOST = {
    "ansible_connection": "ssh",
    "ansible_host": "127.0.0.1",
    "ansible_port": 9,
    "ansible_ssh_common_args": "-o ConnectTimeout=2 -o ControlMaster=no",
}


def run_play(
    folder: Path,
    playbook: str,
    *options: str,
    groups: Mapping[str, Mapping[str, Mapping[str, Any]]],
    variables: Mapping[str, Any] | None = None,
    strategy: str = "mitogen_linear",
) -> tuple[int, str]:
    """Run a playbook of a folder; the folder's programs are found before others.

    Args:
        folder: of the playbook; the inventory is written there.
        playbook: its name.
        options: further words of the command line.
        groups: of the inventory: the variables of each host.
        variables: of all hosts.
        strategy: of Ansible.

    Returns:
        The exit status, and what was printed, on one line.
    """
    shared = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {
        "children": {name: {"hosts": dict(hosts)} for name, hosts in groups.items()},
        "vars": {**shared, **(variables or {})},
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": inventory}))
    program = Path(sys.executable).parent / "ansible-playbook"
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        [program, "-i", folder / "hosts.yml", folder / playbook, *options],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "ANSIBLE_STRATEGY": strategy},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())
