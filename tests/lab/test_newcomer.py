"""A newcomer's machine: a bare Debian, a user who is not root, a clone, and `make run`."""

import json
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.lab import hosts
from tests.lab.figures import record
from tests.lab.hosts import Host
from tests.lab.playbooks import ROOT

USER = "dev"
PROJECT = f"/home/{USER}/project"
# From the clone to an answer, the packages not downloaded before.
SECONDS = 90
# The packages may come by way of a proxy with an authority that the host was told of.
MAKE_RUN = (
    f"cd {PROJECT} && export PIP_CERT=/etc/ssl/certs/ca-certificates.crt;"
    " make run > run.log 2>&1 & pid=$!;"
    f" until grep -q ^Ctrl-C {PROJECT}/run.log; do kill -0 $pid || break; sleep 0.1; done;"
    f" cat {PROJECT}/run.log"
)


@pytest.fixture(scope="module")
def machine(host: Host) -> Iterator[Host]:
    """A host with a user who has a clone of the project and what the README tells to install."""
    made = hosts.up(f"{host.name}-newcomer", host.suite)
    try:
        made.ssh(
            "apt-get install -qy --no-install-recommends make python3-venv && "
            f"useradd --create-home {USER} && cp -r /root/.ssh /home/{USER}/ && mkdir {PROJECT}"
        )
        archive = ["git", "archive", "--format=tar", "HEAD"]
        clone = subprocess.run(archive, cwd=ROOT, capture_output=True, check=True).stdout
        target = str(made.root / PROJECT.lstrip("/"))
        subprocess.run(["tar", "-x", "-C", target], input=clone, check=True)
        made.ssh(f"chown -R {USER}: /home/{USER}")
        yield made
    finally:
        made.remove()


def test_make_run_serves_a_user_who_is_not_root(machine: Host) -> None:
    begun = time.monotonic()
    told = machine.ssh(MAKE_RUN, user=USER).stdout
    record("clone to the API by make run", time.monotonic() - begun, "s", SECONDS)
    commands = re.findall(r"^  (curl .*)$", told, re.M)
    assert commands, told
    assert time.monotonic() - begun <= SECONDS

    answer = machine.ssh(f"{commands[0]} --silent", user=USER).stdout

    assert json.loads(answer)["user"]["email"] == "you@example.com"
    owners = machine.ssh("ps -C postgres,gunicorn,valkey-server -o user= | sort -u").stdout.split()
    assert owners == [USER]
    machine.ssh(f"pkill -INT -u {USER} -f local.run")
