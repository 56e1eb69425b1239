"""The monitor host of a fleet: what it watches and keeps, and that its absence loses nothing."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.lab.conftest import Api
from tests.lab.figures import record
from tests.lab.fleet import GROUPS, INVENTORY, MONITOR
from tests.lab.hosts import Host
from tests.lab.load import load
from tests.lab.playbooks import DOMAIN, MONITOR_DOMAIN, ROOT
from tests.lab.receivers import arrived, counts
from tests.lab.waiting import until

# `make lab-fleet ROUNDS=5` is the long form.
LONG = int(os.environ.get("LAB_RELEASES", "1")) > 1
AWAY_SECONDS = 600 if LONG else 60
# Figures are read every 30 seconds, and senders try again every ten.
READ_SECONDS = 90
SHIPPED_SECONDS = 120
RATE = 5
# Of the lines that hosts log meanwhile, ten a second; those of another run are not counted.
UNIT = "lab-lines"
TAG = f"{UNIT}-{os.getpid()}"
LINES = "n=0; while sleep 0.1; do n=$((n + 1)); echo line $n; done"
REMOTE = "--directory /var/log/journal/remote"


@pytest.fixture(scope="module")
def monitor(fleet: dict[str, Host]) -> Host:
    return fleet[MONITOR]


@pytest.fixture(scope="module")
def others(fleet: dict[str, Host]) -> dict[str, Host]:
    """The hosts that send their journals."""
    return {name: host for name, host in fleet.items() if name != MONITOR}


def _ask(monitor: Host, query: str) -> list[dict[str, str]]:
    """The labels of what Prometheus finds."""
    url = f"http://127.0.0.1:9090/api/v1/query?query={quote(query)}"
    answer = monitor.ssh(f"curl --silent --globoff '{url}'", check=False).stdout
    return [each["metric"] for each in json.loads(answer)["data"]["result"]] if answer else []


def test_every_host_and_service_is_read(fleet: dict[str, Host], monitor: Host) -> None:
    def hosts_with(query: str) -> set[str]:
        return {labels["host"] for labels in _ask(monitor, query)}

    expected = {
        'up{job="node"} == 1': set(fleet),
        'up{job="api"} == 1': set(GROUPS["api"]),
        "http_requests_total": set(GROUPS["api"]),
        "nginx_up == 1": set(GROUPS["edge"]),
        # With the passwords that were rotated.
        "pg_up == 1": set(GROUPS["database"]),
        "redis_up == 1": set(GROUPS["cache"]),
    }
    for query, hosts in expected.items():
        until(lambda query=query, hosts=hosts: hosts_with(query) == hosts, READ_SECONDS)
    until(lambda: _ask(monitor, "up == 0") == [], READ_SECONDS)
    # The monitor asks, but each probe tells about the host that it asked.
    probes = [(each["probe"], each["host"]) for each in _ask(monitor, "probe_success == 1")]
    # The public name is no one host's.
    expected_probes = [("public", DOMAIN), *(("api", name) for name in GROUPS["api"])]
    assert sorted(probes) == sorted(expected_probes)


def test_the_figures_are_for_the_monitor_alone(fleet: dict[str, Host], monitor: Host) -> None:
    for port in (9100, 9180):
        reach = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{fleet['api1'].address}/{port}'"
        assert monitor.succeeds(reach)
        assert not fleet["edge1"].succeeds(reach)


def test_its_pages_have_a_certificate_of_its_own(monitor: Host, secrets: dict[str, str]) -> None:
    def ask(path: str, *options: str) -> str:
        name = ["--resolve", f"{MONITOR_DOMAIN}:443:{monitor.address}"]
        trust = ["--cacert", os.environ["LAB_ROOT"], "--output", "/dev/null"]
        told = ["--silent", "--write-out", "%{http_code}"]
        url = f"https://{MONITOR_DOMAIN}{path}"
        done = subprocess.run(
            ["curl", *name, *trust, *told, *options, url],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    monitor.ssh("systemctl start fivebox-status")
    assert ask("/status/") == "200"
    assert ask("/ops/") == "401"
    assert ask("/ops/", "--user", f"operator:{secrets['vault_dashboard_password']}") == "200"


def _logs(*arguments: str) -> list[dict[str, object]]:
    """What `make logs` finds; it asks the monitor host alone."""
    command = [sys.executable, "-m", "scripts.logs", str(INVENTORY), "--json", *arguments]
    command += ["-e", f"@{os.environ['LAB_VARIABLES']}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_request_is_followed_over_all_hosts(api: Api, token: str) -> None:
    request = api.ask("GET", "/v1/habits", None, token).headers["x-request-id"]

    def told() -> set[tuple[object, object]]:
        return {(line["host"], line["from"]) for line in _logs("--request", request)}

    # The edge, and of an API host its nginx and the API.
    until(lambda: len(told()) == 3, SHIPPED_SECONDS)
    (edge,) = {host for host, _ in told()} & set(GROUPS["edge"])
    (answering,) = {host for host, _ in told()} - {edge}
    assert edge == "edge2"
    assert answering in GROUPS["api"]


def _lines(host: Host, *options: str) -> list[str]:
    words = " ".join(("--quiet", "--output cat", f"--identifier {TAG}", *options))
    return host.ssh(f"journalctl {words}", check=False).stdout.splitlines()


def _kept(monitor: Host, name: str) -> set[str]:
    """The lines of a host that the monitor has; what was sent again it has twice."""
    return set(_lines(monitor, REMOTE, f"_HOSTNAME={name}"))


def test_nothing_is_lost_while_the_monitor_is_away(
    monitor: Host, others: dict[str, Host], api: Api, tmp_path: Path
) -> None:
    log = f"systemd-run --quiet --collect --unit={UNIT} -p SyslogIdentifier={TAG} sh -c '{LINES}'"
    for host in others.values():
        host.ssh(log)
    try:
        for name in others:
            until(lambda name=name: bool(_kept(monitor, name)), SHIPPED_SECONDS)
        with load(api, tmp_path, RATE) as result:
            monitor.kill()
            time.sleep(AWAY_SECONDS)
            monitor.boot()
        back = time.monotonic()
        # Its absence is no matter of the clients.
        assert result.failed == 0, result.figures
    finally:
        for host in others.values():
            host.ssh(f"systemctl stop {UNIT}")
    logged = {name: _lines(host) for name, host in others.items()}
    for lines in logged.values():
        # Nothing was dropped where it was logged either.
        assert lines == [f"line {n}" for n in range(1, len(lines) + 1)]
        assert len(lines) > AWAY_SECONDS

    def missing() -> int:
        return sum(len(set(lines) - _kept(monitor, name)) for name, lines in logged.items())

    until(lambda: missing() == 0, SHIPPED_SECONDS)
    took = time.monotonic() - back
    record(f"monitor away for {AWAY_SECONDS} s: until it has all lines", took, "s")
    record("lines that the hosts logged meanwhile", sum(map(len, logged.values())), "")
    record("of them missing on the monitor", missing(), "", 0)


def test_an_alert_arrives_after_that(monitor: Host) -> None:
    begun = counts()
    script = (ROOT / "playbooks/files/test_alert.sh").read_text()
    told = monitor.ssh(f"sh -s 127.0.0.1:9093 docs/runbooks/ <<'SCRIPT'\n{script}\nSCRIPT").stdout
    assert told == "a test alert went out by email slack\n"
    assert arrived(begun, "TEST", "TestAlert")
