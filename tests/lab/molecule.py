"""`make molecule`: every role's scenario, two at a time."""

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import yaml

from tests.lab import base, network
from tests.lab.playbooks import ROOT
from tests.lab.state import FOLDER, require_machine

AT_ONCE = 2
# Scenarios whose hosts need each other: all of them are always taken.
TOGETHER = ("etcd", "journal", "patroni", "redis_group")


def main(names: list[str], suite: str | None = None) -> int:
    """Run scenarios.

    Args:
        names: of roles; all when empty.
        suite: of the hosts to use, where they do not need each other; all of them when None.

    Returns:
        the number of scenarios that failed.
    """
    require_machine()
    # The scenario of the role app installs it.
    subprocess.run([sys.executable, "scripts/make_release.py"], cwd=ROOT, check=True)
    for each in base.SUITES:
        base.ensure(each)
    network.ensure()
    found = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
    wanted = names or found
    run = partial(_run, suite=suite)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = {
            name: fault for name, fault in zip(wanted, pool.map(run, wanted), strict=True) if fault
        }
    # Two at once disturb each other, and packages come over the network: again, alone.
    faults = [fault for name in first if (fault := run(name))]
    print(f"{len(wanted) - len(faults)} passed, {len(faults)} failed", flush=True)
    # At the end, where who reads a long log looks first; what failed at first only, too.
    print("\n".join(faults or first.values()), flush=True)
    return len(faults)


def _run(name: str, suite: str | None) -> str:
    begun = time.monotonic()
    log = FOLDER / f"molecule-{name}.log"
    with log.open("wb") as output:
        programs = Path(sys.executable).parent
        done = subprocess.run(
            [str(programs / "molecule"), "test", "--scenario-name", name, *_platform(name, suite)],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            check=False,
            # molecule looks for Ansible there, and breaks lines.
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "1000"},
        )
    seconds = time.monotonic() - begun
    print(f"{name}: {'failed' if done.returncode else 'passed'}, {seconds:.0f} s", flush=True)
    if not done.returncode:
        return ""
    told = log.read_text()
    print(told[-6000:], flush=True)
    return f"{name} failed\n" + "\n".join(failed_tasks(told))


def _platform(scenario: str, suite: str | None) -> list[str]:
    """The options for a scenario's host of a suite; none for all of its hosts."""
    if suite is None or scenario in TOGETHER:
        return []
    hosts = yaml.safe_load((ROOT / "molecule" / scenario / "molecule.yml").read_text())["platforms"]
    [name] = [host["name"] for host in hosts if host["suite"] == suite]
    return ["--platform-name", name]


def failed_tasks(log: str) -> list[str]:
    """The tasks that failed, each with the beginning of its reason.

    Args:
        log: what molecule printed; it may end anywhere.
    """
    plain = re.sub(r"^ *│ ?", "", re.sub(r"\x1b\[[0-9;]*m", "", log), flags=re.M)
    tasks = re.split(r"^(?=(?:TASK|RUNNING HANDLER|PLAY)\b)", plain, flags=re.M)
    return [task.rstrip()[:3000] for task in tasks if _failed(task)]


def _failed(task: str) -> bool:
    return bool(re.search(r"^(?:fatal|failed): ", task, re.M)) and "\n...ignoring" not in task


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.lab.molecule", description=__doc__)
    parser.add_argument("roles", nargs="*", help="all, when none is named")
    parser.add_argument("--suite", choices=base.SUITES, help="where there is a choice")
    asked = parser.parse_args()
    sys.exit(main(asked.roles, asked.suite))
