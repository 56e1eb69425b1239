"""A monitor host that measures, decides and sends every two seconds.

Waiting is shortened; what decides stays as in production.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from tests.lab.hosts import Host
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
