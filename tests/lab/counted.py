"""Members of clusters as the alerts of a lost redundancy count them."""

import re
import sys
import time
from collections import Counter
from collections.abc import Iterable

from tests.lab.hosts import Host

SERVICES = ("postgresql", "patroni", "etcd", "redis", "sentinel")
FILE = "/var/lib/prometheus/node-exporter/fivebox-services.prom"
SECONDS = 120


def expect(hosts: Iterable[Host], members: int, *services: str) -> None:
    """Wait until the figures of some hosts together count so many members; ends when they do not.

    Args:
        hosts: whose figures are added up.
        members: of each service.
        services: all, unless some are named.
    """
    wanted = dict.fromkeys(services or SERVICES, members)
    every = list(hosts)
    deadline = time.monotonic() + SECONDS
    while (found := _counted(every, wanted)) != wanted:
        if time.monotonic() > deadline:
            sys.exit(f"After {SECONDS} s {found} is counted instead of {wanted}")
        time.sleep(1)


def _counted(hosts: list[Host], services: Iterable[str]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for host in hosts:
        text = host.ssh(f"cat {FILE}", check=False).stdout
        for service, count in re.findall(r'^fivebox_members{service="(.+)"} (\d+)$', text, re.M):
            found[service] += int(count)
    return {service: found[service] for service in services}
