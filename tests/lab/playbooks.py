"""Running the playbooks as an operator does, against hosts of the lab."""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts import internal_ca
from scripts.make_secrets import NAMES
from tests.lab import network
from tests.lab.acme import Authority
from tests.lab.cgroups import of_operator
from tests.lab.hosts import SSH_OPTIONS, Host
from tests.lab.state import KEY, public_key

ROOT = Path(__file__).resolve().parents[2]
# pgBackRest takes no certificate for an address.
STORAGE = "storage.fivebox.test"
DOMAIN = "api.fivebox.test"
MONITOR_DOMAIN = "monitor.fivebox.test"


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

    def __init__(
        self,
        host: Host,
        authority: Authority,
        others: Sequence[Host] = (),
        inventory: Path = ROOT / "inventories/lab",
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Prepare the hosts.

        Args:
            host: the one that the public name leads to.
            authority: that issues the certificate.
            others: of a fleet.
            inventory: that names them.
            settings: further ones; secrets that are among them are not made anew.
        """
        self.host = host
        self.inventory = inventory
        self.settings = dict(settings or {})
        self.secrets = {name: secrets.token_hex(20) for name in NAMES} | internal_ca.make()
        self.secrets |= {k: str(v) for k, v in self.settings.items() if k.startswith("vault_")}
        self.variables = host.folder / "variables.yml"
        values = {
            **self.settings,
            **authority.give(host),
            **self.secrets,
            "lab_address": host.address,
            "lab_inventory": str(inventory),
            "fivebox_admin_keys": [public_key().strip()],
            "ansible_ssh_private_key_file": str(KEY),
            "ansible_ssh_common_args": " ".join(SSH_OPTIONS),
            # The name of a monitor host leads to that.
            "letsencrypt_check_address": (
                "{{ hostvars[inventory_hostname].ansible_host if group_names == ['monitor'] "
                f"else '{host.address}' }}}}"
            ),
            "fivebox_verify_address": host.address,
            "fivebox_verify_ca": str(authority.folder / "issued-root.pem"),
        }
        if host.memory_mb:
            # A host of the lab sees the memory of the machine it runs on.
            values["fivebox_host_memory_mb"] = host.memory_mb
            values["app_workers"] = 1
        self.variables.touch(mode=0o600)
        self.variables.write_text(yaml.safe_dump(values))
        for other in others:
            authority.give(other)
        for each in (host, *others):
            with (each.root / "etc/hosts").open("a") as hosts:
                # The hosts probe their public name.
                hosts.write(f"{network.GATEWAY} {STORAGE}\n{host.address} {DOMAIN}\n")

    @classmethod
    def find(cls, host: Host) -> "Operator":
        """The operator of a host that was deployed before."""
        operator = cls.__new__(cls)
        operator.host = host
        operator.variables = host.folder / "variables.yml"
        values = yaml.safe_load(operator.variables.read_text())
        operator.inventory = Path(values["lab_inventory"])
        operator.secrets = {name: values[name] for name in (*NAMES, *internal_ca.NAMES)}
        return operator

    def play(self, name: str, *options: str) -> Play:
        """Run a playbook.

        Args:
            name: of the file in playbooks/, without its ending.
            options: further words of the command line.
        """
        words = ("-i", str(self.inventory), f"playbooks/{name}.yml", "-e", f"@{self.variables}")
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
        [program, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        preexec_fn=of_operator().enter,
    )
    seconds = time.monotonic() - begun
    output = done.stdout + done.stderr
    # Of a key of several lines, that which tells most; a certificate is none.
    marks = {
        name: max(value.splitlines(), key=len)
        for name, value in secrets.items()
        if name != "vault_internal_ca_certificate"
    }
    told = [name for name, mark in marks.items() if mark in output]
    for name, mark in marks.items():
        output = output.replace(mark, f"[{name}]")
    return Play(output, seconds, bool(done.returncode), told)
