"""`make lab`: a small VPS, bootstrapped and deployed as in production, then tested from outside."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import base, figures, hosts
from tests.lab.acme import Authority
from tests.lab.playbooks import ROOT, Operator, Play
from tests.lab.state import require_machine
from tests.lab.test_secrets import SEEN

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
    parser.add_argument("--record", action="store_true", help="write docs/measurements/")
    arguments = parser.parse_args()
    require_machine()
    figures.begin()
    subprocess.run([sys.executable, "scripts/make_release.py"], cwd=ROOT, check=True)
    name = f"lab-{arguments.suite}"
    # What a drill before left is not bare.
    if (hosts.HOSTS / name / "host.json").exists():
        hosts.Host.find(name).remove()
    # Ended from outside, it cleans up all the same.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    authority = Authority()
    host = hosts.up(name, arguments.suite, MEMORY_MB, CPUS)
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
    if arguments.record and not status:
        page = ROOT / f"docs/measurements/single-host-{arguments.suite}.md"
        command = f"make lab SUITE={arguments.suite} RECORD=1"
        figures.write(page, f"One host with 1 GiB and 1 CPU, Debian {arguments.suite}", command)
    sys.exit(status)


def _deploy(operator: Operator) -> None:
    play(operator, "plan of a bare host", "plan", "--check", "--diff", "-e", "ansible_user=root")
    # The barest that providers have.
    operator.host.ssh(
        "SUDO_FORCE_REMOVE=yes apt-get purge -qy python3-minimal sudo; rm -rf /var/lib/apt/lists/*"
    )
    begun = time.monotonic()
    play(operator, "bootstrap", "bootstrap")
    with _processes_seen(operator.host):
        play(operator, "site.yml", "site")
    _limit("bare host to HTTPS", time.monotonic() - begun, BARE_SECONDS)
    again = play(operator, "second run of site.yml", "site", limit=NO_OP_SECONDS)
    if again.changed:
        sys.exit(f"The second run of site.yml changed something:\n{again.output}")
    planned = play(operator, "plan of a converged host", "plan", "--check", "--diff")
    if planned.changed:
        sys.exit(f"The plan of a converged host is not empty:\n{planned.output}")


@contextmanager
def _processes_seen(host: hosts.Host) -> Iterator[None]:
    """Note the command lines of all processes meanwhile, for the search for secrets."""
    watch = f"while :; do ps axww -o args; sleep 0.2; done > {SEEN}"
    host.ssh(f"systemd-run --quiet --unit=watch-processes sh -c {shlex.quote(watch)}")
    yield
    host.ssh(f"systemctl stop watch-processes; sort -u -o {SEEN} {SEEN}")


def play(
    operator: Operator, stage: str, name: str, *options: str, limit: float | None = None
) -> Play:
    """Run a playbook; ends when it fails, prints a secret, or takes too long.

    Args:
        operator: who runs it.
        stage: what it is called in the figures.
        name: of the file in playbooks/, without its ending.
        options: further words of the command line.
        limit: seconds that it may take.
    """
    played = operator.play(name, *options)
    figures.record(stage, played.seconds, "s", limit)
    if played.failed:
        sys.exit(played.output)
    if played.told:
        sys.exit(f"{stage} printed the secrets {', '.join(played.told)}")
    if limit and played.seconds > limit:
        sys.exit(f"{stage} took {played.seconds:.0f} s; at most {limit:.0f} s are allowed")
    return played


def _limit(what: str, seconds: float, limit: float) -> None:
    figures.record(what, seconds, "s", limit)
    if seconds > limit:
        sys.exit(f"{what} took {seconds:.0f} s; at most {limit:.0f} s are allowed")


def _tests(host: hosts.Host, authority: Authority, operator: Operator) -> int:
    environment = {
        **os.environ,
        "LAB_HOST": host.name,
        "LAB_ROOT": str(authority.root()),
        "LAB_VARIABLES": str(operator.variables),
    }
    command = [sys.executable, "-m", "pytest", "-v", "-s", "-o", "addopts=", "tests/lab"]
    command.append("--ignore=tests/lab/test_fleet.py")
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    main()
