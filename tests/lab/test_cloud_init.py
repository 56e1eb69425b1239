"""User data of `make cloud-init` on a fresh host with cloud-init's own program, by NoCloud."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab import hosts
from tests.lab.hosts import Host
from tests.lab.playbooks import ROOT
from tests.lab.state import public_key

USER = "ada"


@pytest.fixture
def inventory() -> Iterator[str]:
    """An inventory of its own, as a user makes it."""
    name = f"lab-cloud-{os.getpid()}"
    folder = ROOT / "inventories" / name
    shutil.copytree(ROOT / "inventories/single", folder)
    path = folder / "group_vars/all/settings.yml"
    settings = yaml.safe_load(path.read_text())
    settings |= {"fivebox_admin_user": USER, "fivebox_admin_keys": [public_key().strip()]}
    path.write_text(yaml.safe_dump(settings))
    yield name
    shutil.rmtree(folder)


@pytest.fixture
def fresh(host: Host) -> Iterator[Host]:
    """A host as a provider hands it out, with cloud-init."""
    made = hosts.up(f"cloud-{host.suite}", host.suite)
    made.ssh("apt-get update -q && apt-get install -qy --no-install-recommends cloud-init")
    yield made
    made.remove()


def test_user_data_makes_a_fresh_host_ready(inventory: str, fresh: Host, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.make_cloud_init", inventory]
    data = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    seed = fresh.root / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    (seed / "user-data").write_text(data)
    (seed / "meta-data").write_text("instance-id: lab\n")
    fresh.ssh("cloud-init schema --config-file /var/lib/cloud/seed/nocloud/user-data")
    # The stages that a boot goes through; what a container has not, such as a disk to grow, fails.
    stages = ("init --local", "init", "modules --mode=config", "modules --mode=final")
    fresh.ssh("; ".join(f"cloud-init {stage}" for stage in stages), check=False)
    assert fresh.ssh("sudo -n id -u", user=USER).stdout == "0\n"
    named = tmp_path / "hosts.ini"
    named.write_text(f"{fresh.address}\n")
    reached = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "ansible"), "all", "-m", "ansible.builtin.ping"),
            *("-i", str(named), "-u", USER, "--become"),
            *("--private-key", str(hosts.KEY), f"--ssh-common-args={' '.join(hosts.SSH_OPTIONS)}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not reached.returncode, reached.stdout
