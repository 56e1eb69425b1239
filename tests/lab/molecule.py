"""`make molecule`: every role's scenario, two at a time."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import base, network
from tests.lab.playbooks import ROOT
from tests.lab.state import FOLDER, require_machine

AT_ONCE = 2


def main(names: list[str]) -> int:
    """Run scenarios.

    Args:
        names: of roles; all when empty.

    Returns:
        the number of scenarios that failed.
    """
    require_machine()
    # The scenario of the role app installs it.
    subprocess.run([sys.executable, "scripts/make_release.py"], cwd=ROOT, check=True)
    for suite in base.SUITES:
        base.ensure(suite)
    network.ensure()
    found = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failed = sum(pool.map(_run, names or found))
    print(f"{len(names or found) - failed} passed, {failed} failed", flush=True)
    return failed


def _run(name: str) -> bool:
    begun = time.monotonic()
    log = FOLDER / f"molecule-{name}.log"
    with log.open("wb") as output:
        programs = Path(sys.executable).parent
        done = subprocess.run(
            [str(programs / "molecule"), "test", "--scenario-name", name],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            check=False,
            # molecule looks for Ansible there.
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        )
    seconds = time.monotonic() - begun
    print(f"{name}: {'failed' if done.returncode else 'passed'}, {seconds:.0f} s", flush=True)
    if done.returncode:
        print(log.read_text()[-6000:], flush=True)
    return bool(done.returncode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
