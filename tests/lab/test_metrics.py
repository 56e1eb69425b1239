"""Every figure that a rule or a chart asks for is there: somebody measures it, by that name."""

import json
import re
import time
from pathlib import Path

import pytest
import yaml

from tests.lab.hosts import Host
from tests.lab.playbooks import ROOT

SECONDS = 120
RULES = sorted((ROOT / "roles/prometheus/files/rules").glob("*.yml"))
PANELS = ROOT / "roles/dashboard/files/panels.json"
GRAFANA = sorted((ROOT / "docs/grafana").glob("*.json"))
WORDS = {"and", "or", "unless", "bool", "offset"}
GROUPINGS = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
DRILLED = "/var/lib/prometheus/node-exporter/drill-1.prom"
# What one host at rest does not have, from when on it has it, and the file that measures it.
API, SCRIPT = "app/operations/metrics.py", "roles/exporters/files/fivebox-figures"
LATER = {
    "account_deletions_total": ("an account was deleted", API),
    "cache_requests_total": ("content was asked for", API),
    "content_edge_purges_total": ("content was written", API),
    "content_upstream_fetches_total": ("an upstream is set and content was asked for", API),
    "file_bytes_total": ("a file was uploaded", API),
    "fivebox:members_expected": ("there is a cluster", "playbooks/group_vars/all.yml"),
    "fivebox_certificate_end_timestamp": ("there are several hosts", SCRIPT),
    "fivebox_members": ("there is a cluster", SCRIPT),
    "login_attempts_total": ("somebody logged in", API),
    "mails_queued_total": ("a mail was due", API),
    "recommender_calls_total": (
        "a provider is set and was asked",
        "app/products/reviews/metrics.py",
    ),
    "records_created_total": ("a user stored something", API),
    "sync_rounds_total": ("a client synchronized", API),
}
# A container may not ask the kernel for its clock; Debian's node exporter names these so.
OF_MACHINES = {"node_timex_maxerror_seconds", "node_timex_sync_status"}


def expressions() -> list[str]:
    """What the rules, the dashboard and Grafana's dashboards ask Prometheus."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    found = [rule["expr"] for group in groups for rule in group["rules"]]
    for path in [PANELS, *GRAFANA]:
        found += _asked(json.loads(path.read_text()))
    return found


def _asked(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _asked(item)]
    if not isinstance(value, dict):
        return []
    own = [text for key in ("expr", "releases") if isinstance(text := value.get(key), str)]
    return own + [text for item in value.values() for text in _asked(item)]


def figures(expression: str) -> set[str]:
    """The figures that an expression reads: names, and patterns of names."""
    patterns = set(re.findall(r'__name__=~"([^"]*)"', expression))
    # Text, selectors, windows and labels of groupings name no figure; functions have arguments.
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(rf"\{{[^}}]*\}}|\[[^]]*\]|{GROUPINGS}", " ", bare)
    names = set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare))
    return patterns | names - WORDS


WANTED = sorted({name for expression in expressions() for name in figures(expression)})


def test_figures_are_found_in_expressions() -> None:
    expression = 'sum by (host) (rate(a_total{b="c"}[5m])) / on (host) max(d) > 3 or vector(0)'
    assert figures(expression) == {"a_total", "d"}
    assert {"backup_last_success_timestamp", "pg_up", "fivebox_info"} <= set(WANTED)


def test_what_is_not_there_at_rest_is_measured_by_a_file() -> None:
    assert set(LATER) <= set(WANTED)
    for name, (reason, path) in LATER.items():
        assert reason
        assert name in Path(ROOT / path).read_text(), f"{path} does not measure {name}"


@pytest.fixture(scope="module")
def drilled(host: Host) -> None:
    """Backups and drills leave figures when they have run."""
    host.ssh(f"test -e {DRILLED} || systemctl start fivebox-backup fivebox-backup-drill")


@pytest.mark.usefixtures("drilled")
def test_prometheus_knows_every_figure_that_is_asked_for(host: Host) -> None:
    deadline = time.monotonic() + SECONDS
    ask = "curl --silent http://127.0.0.1:9090/api/v1/label/__name__/values"
    missing = WANTED
    while missing and time.monotonic() < deadline:
        known = json.loads(host.ssh(ask).stdout)["data"]
        missing = [
            name
            for name in WANTED
            if name not in LATER.keys() | OF_MACHINES
            and not any(re.fullmatch(name, each) for each in known)
        ]
        time.sleep(1)
    assert missing == [], "nobody measures these, or by another name"
