"""Faults made on purpose are told of by mail and webhook, and so is their end.

Waiting is shortened for these tests; what decides stays as in production.
"""

import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pytest
import yaml

from tests.lab.conftest import Api
from tests.lab.figures import record
from tests.lab.hosts import Host
from tests.lab.playbooks import DOMAIN
from tests.lab.receivers import HEARTBEAT, arrived, counts, received
from tests.lab.runbooks import Desk, Runbook

SECONDS = 90
ALL = bool(os.environ.get("LAB_ALL_ALERTS"))
UNITS = "prometheus prometheus-alertmanager fivebox-figures"
SHORTER = {
    "/etc/prometheus/fivebox-rules.yml": (
        "s/for: .*/for: 2s/; s/interval: .*/interval: 2s/; s/\\[\\(5\\|10\\)m\\]/[20s]/"
    ),
    "/etc/prometheus/prometheus.yml": "s/_\\(interval\\|timeout\\): .*/_\\1: 2s/",
    "/etc/prometheus/alertmanager.yml": "/group_/s/: .*s$/: 1s/",
    "/etc/default/fivebox-figures": "s/INTERVAL=.*/INTERVAL=2/",
}
PSQL = "runuser -u postgres -- psql -qd fivebox -c"
CERTIFICATE = "/etc/nginx/tls/fullchain.pem"
KEY = "/etc/nginx/tls/privkey.pem"
TRUSTED = "/etc/ssl/certs/lab-issued.pem"
SETTINGS = "/etc/prometheus/prometheus.yml"
GONE = '      - {targets: ["127.0.0.1:1"], labels: {job: node, host: gone}}'
FIGURES = "/var/lib/prometheus/node-exporter"


@dataclass
class Fault:
    """How to make a fault and how to mend it: shell commands on the host."""

    alert: str
    make: str
    mend: str


def _aged(alert: str, kind: str, unit: str) -> Fault:
    """What its program left looks as if it had not run since 1970, until it runs again."""
    made = f"s/^({kind}_last_success_timestamp[{{].*) .*/\\1 1/"
    file = f"{FIGURES}/{kind}-1.prom"
    # Of the drill there may be none yet.
    make = f"{{ test -e {file} || systemctl start {unit}; }} && sed -i -E '{made}' {file}"
    return Fault(alert, f"{make} && grep -q ' 1$' {file}", f"systemctl start {unit}")


REDIS = "redis-cli --no-auth-warning"
FILL = "for i = 1, 900 do redis.call('set', 'fill' .. i, string.rep('x', 99999)) end"
TOGETHER = [
    # Redis keeps nothing on disk, so that a restart empties it.
    Fault("RedisEvicting", f'{REDIS} eval "{FILL}" 0', "systemctl restart redis-server"),
    Fault(
        "UnitFailed",
        "systemd-run --quiet --unit=fivebox-provoked /bin/false",
        "systemctl reset-failed fivebox-provoked",
    ),
    Fault(
        "DiskFilling",
        "mount -t tmpfs -o size=8M tmpfs /srv && head -c 7M /dev/zero > /srv/fill",
        "umount /srv",
    ),
    Fault(
        "CertificateExpiring",
        f"for f in {CERTIFICATE} {KEY} {TRUSTED}; do cp -L $f $f.kept; done && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 5 "
        f"-subj /CN={DOMAIN} -addext subjectAltName=DNS:{DOMAIN} -keyout {KEY} "
        f"-out {CERTIFICATE} && "
        f"cat {CERTIFICATE} >> {TRUSTED} && systemctl reload nginx",
        f"for f in {CERTIFICATE} {KEY} {TRUSTED}; do mv $f.kept $f; done; systemctl reload nginx",
    ),
]
SINGLE = [
    _aged("BackupTooOld", "backup", "fivebox-backup"),
    Fault("NginxDown", "systemctl stop nginx", "systemctl start nginx"),
    Fault("RedisDown", "systemctl stop redis-server", "systemctl start redis-server"),
]
FURTHER = [
    Fault("DatabaseDown", "systemctl stop postgresql", "systemctl start postgresql"),
    Fault("ApiDown", "systemctl stop fivebox-api@blue", "systemctl start fivebox-api@blue"),
    Fault(
        "ServiceUnread",
        "systemctl stop prometheus-node-exporter",
        "systemctl start prometheus-node-exporter",
    ),
    # The only host is never down for itself, so it reads another one that there is not.
    Fault(
        "HostDown",
        f"sed -i 's/^    static_configs:/&\\n{GONE}/' {SETTINGS} && systemctl reload prometheus",
        f"sed -i '/host: gone/d' {SETTINGS} && systemctl reload prometheus",
    ),
    Fault(
        "FiguresStale",
        "systemctl stop fivebox-figures && "
        "touch -d '1 hour ago' /var/lib/prometheus/node-exporter/fivebox-services.prom",
        "systemctl start fivebox-figures",
    ),
    _aged("DrillTooOld", "drill", "fivebox-backup-drill"),
    Fault(
        "DatabaseConnectionsHigh",
        'for i in $(seq 34); do systemd-run --quiet --unit="held-$i" '
        "runuser -u postgres -- psql -qc 'SET statement_timeout = 0' -c 'SELECT pg_sleep(600)'; "
        "done",
        "systemctl stop 'held-*'",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def hasty(host: Host) -> Iterator[None]:
    """Let the host measure, decide and send every two seconds."""
    for path, script in SHORTER.items():
        host.ssh(f"cp -a {path} {path}.kept && sed -i {shlex.quote(script)} {path}")
    host.ssh(f"systemctl restart {UNITS}")
    # A counter grows only where it has been seen before; twice in that time is since the restart.
    seen = "count_over_time(redis_evicted_keys_total%5B20s%5D)%3E1"
    ask = f"curl -s 'http://127.0.0.1:9090/api/v1/query?query={seen}'"
    _until(lambda: '"value"' in host.ssh(ask, check=False).stdout, "figures are read")
    yield
    for path in SHORTER:
        host.ssh(f"mv {path}.kept {path}")
    host.ssh(f"systemctl restart {UNITS}")


@pytest.fixture(scope="module")
def run(host: Host, secrets: dict[str, str]) -> Callable[[str], None]:
    """Run a command of a fault on the host."""

    def run(command: str) -> None:
        host.ssh(f"export REDISCLI_AUTH={secrets['vault_redis_password']}; {command}")

    return run


def _until(condition: Callable[[], bool], about: str) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < SECONDS, f"{about}: not within {SECONDS} s"
        time.sleep(0.5)
    return time.monotonic() - begun


def _severity(host: Host, alert: str) -> str:
    """The first word of an alert's message."""
    groups = yaml.safe_load(host.ssh("cat /etc/prometheus/fivebox-rules.yml").stdout)["groups"]
    found = [rule for group in groups for rule in group["rules"] if rule.get("alert") == alert]
    return str(found[0]["labels"]["severity"]).upper()


def _tell(host: Host, run: Callable[[str], None], faults: Sequence[Fault]) -> None:
    begun = counts()
    try:
        for fault in faults:
            run(fault.make)
        for fault in faults:
            word = _severity(host, fault.alert)
            took = _until(partial(arrived, begun, word, fault.alert), f"{fault.alert} arrives")
            record(f"{fault.alert} arrived by mail and webhook", took, "s", SECONDS)
    finally:
        begun = counts()
        for fault in faults:
            run(fault.mend)
    for fault in faults:
        _until(partial(arrived, begun, "RESOLVED", fault.alert), f"{fault.alert} is over")


def test_faults_of_several_kinds_are_told_of(host: Host, run: Callable[[str], None]) -> None:
    _tell(host, run, TOGETHER)


@pytest.mark.parametrize("fault", SINGLE + (FURTHER if ALL else []), ids=lambda f: f.alert)
def test_a_fault_is_told_of(host: Host, run: Callable[[str], None], fault: Fault) -> None:
    _tell(host, run, [fault])


def test_what_follows_from_an_outage_is_not_told_of(host: Host, run: Callable[[str], None]) -> None:
    begun = counts()
    run("systemctl stop nginx")
    try:
        _until(lambda: _firing(host) >= {"NginxDown", "PublicNameUnreachable"}, "both fire")
        _until(lambda: arrived(begun, "CRITICAL", "NginxDown"), "the cause arrives")
        assert not arrived(begun, "CRITICAL", "PublicNameUnreachable")
    finally:
        run("systemctl start nginx")
    _until(lambda: not _firing(host) & {"NginxDown", "PublicNameUnreachable"}, "both are over")


def _firing(host: Host) -> set[str]:
    answer = host.ssh("curl -s http://127.0.0.1:9090/api/v1/alerts").stdout
    alerts = json.loads(answer)["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def test_a_message_says_what_to_do() -> None:
    text = next(mail["text"] for mail in received()["mails"] if "RedisDown" in mail["subject"])
    assert "Redis on box does not answer" in text
    assert "Likely cause: " in text
    assert "Runbook: docs/runbooks/outage.md" in text


def test_the_dead_man_s_switch_is_asked() -> None:
    def names() -> set[str]:
        beats = [post["body"] for post in received()["posted"] if post["path"] == HEARTBEAT]
        return {alert["labels"]["alertname"] for beat in beats for alert in beat["alerts"]}

    _until(lambda: bool(names()), "the dead man's switch is asked")
    assert names() == {"Watchdog"}


def test_an_operator_s_test_alert_arrives(desk: Desk) -> None:
    begun = counts()
    with Runbook("monitoring", __file__, desk) as book:
        assert book.run(4) == ["a test alert went out by email slack\n"]
    assert arrived(begun, "TEST", "TestAlert")


@pytest.mark.skipif(not ALL, reason="make lab-alerts")
def test_slow_and_failing_requests_are_told_of(host: Host, api: Api, token: str) -> None:
    lock = "BEGIN; LOCK TABLE user_habits; SELECT pg_sleep(3); COMMIT"
    revoke = "REVOKE SELECT ON user_habits FROM fivebox_app"
    grant = "GRANT SELECT ON user_habits TO fivebox_app"
    with ThreadPoolExecutor(12) as pool:

        def arrived_under_load(word: str, alert: str, make: str = "") -> bool:
            if make:
                host.ssh(f"systemd-run --quiet --collect {PSQL} {shlex.quote(make)}")
            list(pool.map(lambda _: api.ask("GET", "/v1/habits", None, token), range(12)))
            return arrived(begun, word, alert)

        begun = counts()
        _until(partial(arrived_under_load, "WARNING", "ApiSlow", lock), "ApiSlow arrives")
        begun = counts()
        host.ssh(f"{PSQL} {shlex.quote(revoke)}")
        try:
            _until(partial(arrived_under_load, "CRITICAL", "ApiErrorsCritical"), "errors arrive")
        finally:
            host.ssh(f"{PSQL} {shlex.quote(grant)}")
        _until(partial(arrived_under_load, "RESOLVED", "ApiErrorsCritical"), "they are over")
