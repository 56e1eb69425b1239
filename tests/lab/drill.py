"""`make lab`: a small VPS, bootstrapped and deployed as in production, then tested from outside."""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from tests.lab import base, figures, hosts
from tests.lab.acme import Authority
from tests.lab.playbooks import ROOT, Operator, Play
from tests.lab.receivers import Receivers
from tests.lab.state import require_machine
from tests.lab.test_secrets import SEEN

# A $5 VPS.
MEMORY_MB = 1024
CPUS = 1.0
BARE_SECONDS = 240
NO_OP_SECONDS = 40
# CI may run on a slower machine than the records: only there a limit may be passed, by so much.
SLACK = 2 if os.environ.get("CI") else 1
# What is the same on every Debian.
ONCE = ("alerts", "cloud_init", "content_cache", "metrics", "newcomer", "pages", "products")
ONCE += ("releases", "rotation", "runbooks")


def main() -> None:
    """Run the drill; the host is removed at its end unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=base.SUITES, default="bookworm")
    parser.add_argument("--keep", action="store_true", help="leave the host running afterwards")
    parser.add_argument("--record", action="store_true", help="write docs/measurements/")
    parser.add_argument("--brief", action="store_true", help="leave out what one Debian shows")
    parser.add_argument("--releases", type=int, help="only so many deploys and rollbacks")
    parser.add_argument("--alerts", action="store_true", help="provoke all alerts, test no more")
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
    host = hosts.up(name, arguments.suite, MEMORY_MB, CPUS, clock=arguments.alerts)
    receivers = Receivers()
    try:
        authority.start(host.address)
        receivers.start()
        operator = Operator(host, authority, settings=receivers.give(host))
        _deploy(operator)
        # From here on latency is measured.
        host.leave_alone()
        status = _tests(host, authority, operator, arguments)
    finally:
        receivers.stop()
        authority.stop()
        if not arguments.keep:
            host.remove()
            if not hosts.all_hosts():
                hosts.network.remove()
    if arguments.record and not status:
        what = "releases" if arguments.releases else "single-host"
        target = "lab-releases" if arguments.releases else "lab"
        page = ROOT / f"docs/measurements/{what}-{arguments.suite}.md"
        command = f"make {target} SUITE={arguments.suite} RECORD=1"
        figures.write(page, f"One host with 1 GiB and 1 CPU, Debian {arguments.suite}", command)
    sys.exit(status)


def _deploy(operator: Operator) -> None:
    # By the host's facts, which at first are not known, as in production.
    sized = yaml.safe_load((ROOT / "playbooks/group_vars/all.yml").read_text())
    size = json.dumps({name: sized[name] for name in ("fivebox_host_memory_mb", "app_workers")})
    by_facts = ("-e", size, "-e", "ansible_user=root")
    play(operator, "plan of a bare host", "plan", "--check", "--diff", *by_facts)
    # The barest that providers have.
    operator.host.ssh(
        "SUDO_FORCE_REMOVE=yes apt-get purge -qy python3-minimal sudo; rm -rf /var/lib/apt/lists/*"
    )
    begun = time.monotonic()
    play(operator, "bootstrap", "bootstrap", *by_facts[:2])
    with _processes_seen(operator.host):
        play(operator, "site.yml", "site")
    _limit("bare host to HTTPS", time.monotonic() - begun, BARE_SECONDS)
    no_op(operator, NO_OP_SECONDS)
    planned = play(operator, "plan of a converged host", "plan", "--check", "--diff")
    if planned.changed:
        sys.exit(f"The plan of a converged host is not empty:\n{planned.output}")


def no_op(operator: Operator, seconds: float) -> None:
    """Run site.yml when it has nothing to do; ends when it changes something or takes too long.

    Args:
        operator: who runs it.
        seconds: that it may take; it is tried twice, as others may use this machine meanwhile.
    """
    took = []
    while len(took) < 2 and (not took or took[-1] > seconds):
        again = play(operator, "site.yml with nothing to do", "site")
        if again.changed:
            sys.exit(f"The second run of site.yml changed something:\n{again.output}")
        took.append(again.seconds)
    _limit("second run of site.yml", min(took), seconds)


@contextmanager
def _processes_seen(host: hosts.Host) -> Iterator[None]:
    """Note the command lines of all processes meanwhile, for the search for secrets."""
    watch = f"while :; do ps axww -o args; sleep 0.2; done > {SEEN}"
    host.ssh(f"systemd-run --quiet --unit=watch-processes sh -c {shlex.quote(watch)}")
    yield
    host.ssh(f"systemctl stop watch-processes; sort -u -o {SEEN} {SEEN}")


def play(operator: Operator, stage: str, name: str, *options: str) -> Play:
    """Run a playbook; ends when it fails, or prints a secret.

    Args:
        operator: who runs it.
        stage: what it is called in the figures.
        name: of the file in playbooks/, without its ending.
        options: further words of the command line.
    """
    played = operator.play(name, *options)
    figures.record(stage, played.seconds, "s")
    if played.failed:
        sys.exit(played.output)
    if played.told:
        sys.exit(f"{stage} printed the secrets {', '.join(played.told)}")
    return played


def _limit(what: str, seconds: float, limit: float) -> None:
    figures.record(what, seconds, "s", limit)
    if seconds > SLACK * limit:
        sys.exit(f"{what} took {seconds:.0f} s; at most {SLACK * limit:.0f} s are allowed")


def _tests(
    host: hosts.Host, authority: Authority, operator: Operator, arguments: argparse.Namespace
) -> int:
    environment = {
        **os.environ,
        "LAB_HOST": host.name,
        "LAB_ROOT": str(authority.root()),
        "LAB_VARIABLES": str(operator.variables),
    }
    left_out = ("fleet*", "size", *(ONCE if arguments.brief else ()))
    ignored = [f"--ignore-glob=tests/lab/test_{name}.py" for name in left_out]
    # The sizes first: other tests restart what is measured, and change the monitoring.
    runs = [["tests/lab/test_size.py"], ["tests/lab", *ignored]]
    if arguments.releases:
        environment["LAB_RELEASES"] = str(arguments.releases)
        runs = [["tests/lab/test_releases.py"]]
    elif arguments.alerts:
        environment["LAB_ALL_ALERTS"] = "yes"
        runs = [["tests/lab/test_alerts.py"]]
    long = bool(arguments.releases or arguments.alerts)
    return max(_pytest(tests, environment, twice=not long) for tests in runs)


def _pytest(tests: list[str], environment: dict[str, str], twice: bool) -> int:
    command = [sys.executable, "-m", "pytest", "-v", "-s", "-o", "addopts=", "--durations=12"]
    done = subprocess.run([*command, *tests], cwd=ROOT, env=environment, check=False)
    if not (done.returncode and twice):
        return done.returncode
    # Limits are in seconds, and others may use this machine meanwhile: a fault is there again.
    print("=== again, only what failed", flush=True)
    again = ["--last-failed", "--last-failed-no-failures=none"]
    return subprocess.run(
        [*command, *again, *tests], cwd=ROOT, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    main()
