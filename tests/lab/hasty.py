"""A monitor host that measures, decides and sends every two seconds, and faults that it tells of.

Waiting is shortened; what decides stays as in production.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import yaml

from tests.lab.figures import record
from tests.lab.hosts import Host
from tests.lab.receivers import arrived, counts, over
from tests.lab.waiting import until

UNITS = "prometheus prometheus-alertmanager fivebox-figures"
ALERTS = "curl -s http://127.0.0.1:9090/api/v1/alerts"
READ_SECONDS = 90
SHORTER = {
    "/etc/prometheus/fivebox-rules.yml": (
        "s/for: .*/for: 2s/; s/interval: .*/interval: 2s/; s/\\[[0-9]*[mhd]\\]/[20s]/g"
    ),
    "/etc/prometheus/prometheus.yml": "s/_\\(interval\\|timeout\\): .*/_\\1: 2s/",
    # More than a round: a cause must be known before what follows from it is told of.
    "/etc/prometheus/alertmanager.yml": "/group_/s/: .*s$/: 4s/",
    "/etc/default/fivebox-figures": "s/INTERVAL=.*/INTERVAL=2/",
}


@contextmanager
def hasty(host: Host) -> Iterator[None]:
    """Let the monitor host be quick meanwhile."""
    for path, script in SHORTER.items():
        host.ssh(f"cp -a {path} {path}.kept && sed -i {shlex.quote(script)} {path}")
    host.ssh(f"systemctl restart {UNITS}")
    # A counter grows only where it has been seen before; twice in that time is since the restart.
    seen = "count_over_time(redis_evicted_keys_total%5B20s%5D)%3E1"
    ask = f"curl -s 'http://127.0.0.1:9090/api/v1/query?query={seen}'"
    until(lambda: '"value"' in host.ssh(ask, check=False).stdout, READ_SECONDS, "figures are read")
    yield
    for path in SHORTER:
        host.ssh(f"mv {path}.kept {path}")
    host.ssh(f"systemctl restart {UNITS}")


def firing(host: Host) -> set[str]:
    """Names of the alerts that fire on the monitor host."""
    alerts = json.loads(host.ssh(ALERTS).stdout)["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def severities(host: Host) -> dict[str, str]:
    """The first word of each alert's message."""
    groups = yaml.safe_load(host.ssh("cat /etc/prometheus/fivebox-rules.yml").stdout)["groups"]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return {rule["alert"]: str(rule["labels"]["severity"]).upper() for rule in rules}


def provoke(
    host: Host,
    make: Callable[[], object],
    mend: Callable[[], object],
    alerts: Sequence[str],
    seconds: float,
) -> None:
    """Make faults, and wait until their alerts, and then their ends, are told of.

    Args:
        host: the monitor host.
        make: makes the faults.
        mend: mends them.
        alerts: that must be told of; none of them is told of before.
        seconds: that each may take.
    """
    words = severities(host)
    begun = counts()
    try:
        make()
        for alert in alerts:
            told = partial(arrived, begun, words[alert], alert)
            took = until(told, seconds, f"{alert} arrives")
            record(f"{alert} arrived by mail and webhook", took, "s", seconds)
    finally:
        begun = counts()
        mend()
    for alert in alerts:
        until(partial(over, begun, alert), seconds, f"{alert} is over")
