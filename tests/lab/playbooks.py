"""Running the playbooks as an operator does, against hosts of the lab."""

import os
import re
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.make_secrets import NAMES
from tests.lab import network
from tests.lab.acme import NAME, Authority
from tests.lab.hosts import SSH_OPTIONS, Host
from tests.lab.state import KEY, public_key

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Play:
    """What one run of a playbook printed and took; `told` names the secrets that it printed."""

    output: str
    seconds: float
    failed: bool
    told: list[str]

    @property
    def changed(self) -> int:
        """Tasks that changed something, over all hosts."""
        return sum(int(n) for n in re.findall(r"changed=(\d+)", self.output))


class Operator:
    """Knows the lab's inventory, its secrets and its authority."""

    def __init__(self, host: Host, authority: Authority) -> None:
        self.host = host
        self.secrets = {name: secrets.token_hex(20) for name in NAMES}
        self.variables = host.folder / "variables.yml"
        bundle = "/etc/ssl/certs/lab-ca.pem"
        values = {
            **self.secrets,
            "lab_address": host.address,
            "fivebox_admin_keys": [public_key().strip()],
            "ansible_ssh_private_key_file": str(KEY),
            "ansible_ssh_common_args": " ".join(SSH_OPTIONS),
            "letsencrypt_directory": authority.directory,
            "letsencrypt_ca_bundle": bundle,
            "letsencrypt_check_address": host.address,
        }
        if host.memory_mb:
            # A host of the lab sees the memory of the machine it runs on.
            values["fivebox_host_memory_mb"] = host.memory_mb
            values["app_workers"] = 1
        self.variables.touch(mode=0o600)
        self.variables.write_text(yaml.safe_dump(values))
        (host.root / bundle.lstrip("/")).write_text(authority.ca.read_text())
        with (host.root / "etc/hosts").open("a") as hosts:
            hosts.write(f"{network.GATEWAY} {NAME}\n")

    def play(self, name: str, *options: str) -> Play:
        """Run a playbook.

        Args:
            name: of the file in playbooks/, without its ending.
            options: further words of the command line.
        """
        words = ("-i", "inventories/lab", f"playbooks/{name}.yml", "-e", f"@{self.variables}")
        return run_playbook([*words, *options], self.secrets)


def run_playbook(words: list[str], secrets: dict[str, str]) -> Play:
    """Run ansible-playbook.

    Args:
        words: of its command line.
        secrets: that it must not print, by name.
    """
    begun = time.monotonic()
    environment = {**os.environ, "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks"}
    program = Path(sys.executable).parent / "ansible-playbook"
    done = subprocess.run(
        [program, *words], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    seconds = time.monotonic() - begun
    output = done.stdout + done.stderr
    told = [name for name, value in secrets.items() if value in output]
    for name, value in secrets.items():
        output = output.replace(value, f"[{name}]")
    return Play(output, seconds, bool(done.returncode), told)
