"""The bridge of the lab; only what the hosts themselves send leaves it."""

import contextlib
import os
import re
import signal
from pathlib import Path

from tests.lab.cgroups import of_operator
from tests.lab.state import NUMBER, lock, run

BRIDGE = f"fivebox{NUMBER}"
PREFIX = f"10.78.{NUMBER}."
GATEWAY = f"{PREFIX}1"
TABLE = f"fivebox_lab{NUMBER}"


def ensure() -> None:
    """Make the bridge, with a way out for package downloads."""
    with lock("network"):
        if not Path(f"/sys/class/net/{BRIDGE}").exists():
            run("ip", "link", "add", BRIDGE, "type", "bridge")
            run("ip", "address", "add", f"{GATEWAY}/24", "dev", BRIDGE)
            run("ip", "link", "set", BRIDGE, "up")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        if TABLE not in run("nft", "list", "tables"):
            route = re.search(r"dev (\S+)", run("ip", "route", "show", "default"))
            outside = route[1] if route else "lo"
            rule = f'ip saddr {PREFIX}0/24 oifname "{outside}" masquerade'
            chain = "type nat hook postrouting priority srcnat; policy accept;"
            run("nft", f"table ip {TABLE} {{ chain post {{ {chain} {rule}; }}; }}")


def remove() -> None:
    """Remove what the hosts shared: the bridge, its rules, and the operator's control groups."""
    run("ip", "link", "delete", BRIDGE, check=False)
    run("nft", "delete", "table", "ip", TABLE, check=False)
    groups = of_operator()
    # ssh keeps its connections for a while.
    for pid in groups.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    groups.remove()
