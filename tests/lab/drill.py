"""`make lab`: a small VPS, bootstrapped and deployed as in production, then tested from outside."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from tests.lab import base, hosts
from tests.lab.acme import Authority
from tests.lab.playbooks import ROOT, Operator, Play
from tests.lab.state import require_machine

# A $5 VPS.
MEMORY_MB = 1024
CPUS = 1.0
BARE_SECONDS = 240
NO_OP_SECONDS = 40


def main() -> None:
    """Run the drill; the host is removed at its end unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=base.SUITES, default="bookworm")
    parser.add_argument("--keep", action="store_true", help="leave the host running afterwards")
    arguments = parser.parse_args()
    require_machine()
    _stage("release", _release)
    name = f"lab-{arguments.suite}"
    authority = Authority()
    # What a drill before left is not bare.
    if (hosts.HOSTS / name).exists():
        hosts.Host.find(name).remove()
    # Ended from outside, it cleans up all the same.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    host = hosts.up(name, arguments.suite, MEMORY_MB, CPUS)
    status = 1
    try:
        authority.start(host.address)
        operator = Operator(host, authority)
        _deploy(operator)
        status = _tests(host, authority, operator)
    finally:
        authority.stop()
        if not arguments.keep:
            host.remove()
            if not hosts.all_hosts():
                hosts.network.remove()
    sys.exit(status)


def _deploy(operator: Operator) -> None:
    _play(operator, "plan of a bare host", "plan", "--check", "--diff", "-e", "ansible_user=root")
    begun = time.monotonic()
    _play(operator, "bootstrap", "bootstrap")
    _play(operator, "site", "site")
    _limit("bare host to HTTPS", time.monotonic() - begun, BARE_SECONDS)
    again = _play(operator, "site again", "site")
    if again.changed:
        sys.exit(f"The second run of site.yml changed something:\n{again.output}")
    _limit("second run of site.yml", again.seconds, NO_OP_SECONDS)
    planned = _play(operator, "plan of a converged host", "plan", "--check", "--diff")
    if planned.changed:
        sys.exit(f"The plan of a converged host is not empty:\n{planned.output}")


def _play(operator: Operator, stage: str, name: str, *options: str) -> Play:
    played = operator.play(name, *options)
    print(f"{stage}: {played.seconds:.1f} s, {played.changed} changed", flush=True)
    if played.failed:
        sys.exit(played.output)
    if played.told:
        sys.exit(f"{stage} printed the secrets {', '.join(played.told)}")
    return played


def _limit(what: str, seconds: float, limit: float) -> None:
    if seconds > limit:
        sys.exit(f"{what} took {seconds:.0f} s; at most {limit:.0f} s are allowed")


def _release() -> None:
    subprocess.run([sys.executable, "scripts/make_release.py"], cwd=ROOT, check=True)


def _stage(name: str, work: Callable[[], None]) -> None:
    begun = time.monotonic()
    work()
    print(f"{name}: {time.monotonic() - begun:.1f} s", flush=True)


def _tests(host: hosts.Host, authority: Authority, operator: Operator) -> int:
    environment = {
        **os.environ,
        "LAB_HOST": host.name,
        "LAB_ROOT": str(authority.root()),
        "LAB_VARIABLES": str(operator.variables),
    }
    command = [sys.executable, "-m", "pytest", "-v", "-s", "-o", "addopts=", "tests/lab"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    main()
