"""`make lab-fleet`: two edges, three API hosts, a database and a cache, deployed and tested.

With `--monitor` an eighth host watches the others and keeps their journals.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import yaml

from tests.lab import base, figures, hosts
from tests.lab.acme import Authority
from tests.lab.bucket import Bucket
from tests.lab.drill import no_op, play
from tests.lab.playbooks import MONITOR_DOMAIN, ROOT, Operator
from tests.lab.receivers import Receivers
from tests.lab.state import FOLDER, require_machine

GROUPS = {
    "edge": ["edge1", "edge2"],
    "api": ["api1", "api2", "api3"],
    "database": ["database1"],
    "cache": ["cache1"],
}
MONITOR = "monitor1"
MEMORY_MB = 1024
# Of two processors, for seven hosts.
NO_OP_SECONDS = 90
INVENTORY = FOLDER / "fleet"


def main() -> None:
    """Run the drill; the hosts are removed at its end unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=base.SUITES, default="bookworm")
    parser.add_argument("--rounds", type=int, default=1, help="deploys and rollbacks")
    parser.add_argument("--monitor", action="store_true", help="have a monitor host, too")
    parser.add_argument("--only", default="", help="tests to run, as of pytest -k")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running afterwards")
    parser.add_argument("--record", action="store_true", help="write docs/measurements/")
    arguments = parser.parse_args()
    require_machine()
    figures.begin()
    subprocess.run([sys.executable, "scripts/make_release.py"], cwd=ROOT, check=True)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    groups = GROUPS | ({"monitor": [MONITOR]} if arguments.monitor else {})
    names = [name for group in groups.values() for name in group]
    _remove()
    authority = Authority()
    bucket = Bucket()
    # They listen on the bridge from now on.
    hosts.network.ensure()
    receivers = Receivers()
    try:
        with ThreadPoolExecutor(2) as pool:
            made = pool.map(lambda name: hosts.up(name, arguments.suite, MEMORY_MB), names)
            fleet = dict(zip(names, made, strict=True))
        bucket.start()
        receivers.start()
        # The name leads to the edge that only forwards the challenge.
        authority.start(fleet["edge2"].address)
        _write_inventory(fleet, groups)
        settings: dict[str, object] = {"fivebox_api_settings": bucket.settings}
        if arguments.monitor:
            settings |= _watched(fleet[MONITOR], authority, receivers)
        status = _drill(fleet, authority, settings, arguments.rounds, arguments.only)
    finally:
        receivers.stop()
        bucket.stop()
        authority.stop()
        if not arguments.keep:
            _remove()
            if not hosts.all_hosts():
                hosts.network.remove()
    if arguments.record and not status:
        page = ROOT / "docs/measurements/fleet.md"
        title = f"A fleet of {len(names)} hosts with 1 GiB, Debian {arguments.suite}"
        words = " MONITOR=1" if arguments.monitor else ""
        figures.write(page, title, f"make lab-fleet{words} ROUNDS={arguments.rounds} RECORD=1")
    sys.exit(status)


def _remove() -> None:
    ours = {MONITOR, *(name for group in GROUPS.values() for name in group)}
    for host in hosts.all_hosts():
        if host.name in ours:
            host.remove()


def _watched(monitor: hosts.Host, authority: Authority, receivers: Receivers) -> dict[str, object]:
    """The settings with which the monitor host has a name, and its alerts arrive."""
    authority.lead(MONITOR_DOMAIN, monitor.address)
    return {**receivers.give(monitor), "fivebox_monitor_domain": MONITOR_DOMAIN}


def _drill(
    fleet: dict[str, hosts.Host],
    authority: Authority,
    settings: dict[str, object],
    rounds: int,
    only: str,
) -> int:
    front = fleet["edge2"]
    others = [host for host in fleet.values() if host is not front]
    operator = Operator(front, authority, others, INVENTORY, settings)
    play(operator, "bootstrap", "bootstrap")
    play(operator, "site.yml", "site")
    no_op(operator, NO_OP_SECONDS * len(fleet) / 7)
    environment = {
        **os.environ,
        "LAB_HOST": front.name,
        "LAB_FLEET": " ".join(fleet),
        "LAB_ROOT": str(authority.root()),
        "LAB_VARIABLES": str(operator.variables),
        "LAB_RELEASES": str(rounds),
    }
    names = ["story", "fleet_releases", "fleet", "fleet_certificate", "fleet_rotation"]
    # After the rotation: what watches has new passwords as well.
    names += ["fleet_monitor"] if MONITOR in fleet else []
    tests = [f"tests/lab/test_{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-v", "-s", "-o", "addopts=", "-k", only, *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _write_inventory(fleet: dict[str, hosts.Host], groups: dict[str, list[str]]) -> None:
    shutil.rmtree(INVENTORY, ignore_errors=True)
    shutil.copytree(ROOT / "inventories/lab/group_vars", INVENTORY / "group_vars")
    content = {
        "hosts": {name: {"ansible_host": host.address} for name, host in fleet.items()},
        "children": {group: {"hosts": dict.fromkeys(names)} for group, names in groups.items()},
    }
    (INVENTORY / "hosts.yml").write_text(yaml.safe_dump({"all": content}))


if __name__ == "__main__":
    main()
