"""Faults made on purpose are told of by mail and webhook, and so is their end."""

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pytest

from tests.lab import machine, network
from tests.lab.acme import ISSUED
from tests.lab.conftest import Api
from tests.lab.hasty import ALERTS, firing, hasty, provoke, severities
from tests.lab.hosts import API_UNIT, Host
from tests.lab.playbooks import DOMAIN
from tests.lab.receivers import HEARTBEAT, arrived, counts, is_open, over, received
from tests.lab.runbooks import Desk, Runbook
from tests.lab.waiting import until

SECONDS = 90
# Others may keep the machine busy.
OTHERS_SECONDS = 600
ALL = bool(os.environ.get("LAB_ALL_ALERTS"))
PSQL = "runuser -u postgres -- psql -qd fivebox -c"
CERTIFICATE = "/etc/nginx/tls/fullchain.pem"
KEY = "/etc/nginx/tls/privkey.pem"
SETTINGS = "/etc/prometheus/prometheus.yml"
GONE = '      - {targets: ["127.0.0.1:1"], labels: {job: node, host: gone}}'
SILENCED = "curl -s 'http://127.0.0.1:9093/api/v2/alerts?active=false&inhibited=true'"
FIGURES = "/var/lib/prometheus/node-exporter"
STORAGE = "/var/lib/pgbackrest"
SENDER = "/etc/systemd/system/systemd-journal-upload"
BEGINNING = {"mails": 0, "posted": 0}
# Those of clusters: tests/lab/cluster.py.
NOT_HERE = {"CacheRedundancyLost", "DatabaseRedundancyLost", "ReplicationLagging"}


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
    return Fault(
        alert,
        # It may be due by the clock just now.
        f"systemctl stop {unit}.timer && {make} && grep -q ' 1$' {file}",
        f"systemctl start {unit} {unit}.timer",
    )


def _ending(alert: str, days: int) -> Fault:
    """The certificate of the public name ends so soon."""
    make = (
        f"for f in {CERTIFICATE} {KEY} {ISSUED}; do cp -L $f $f.kept; done && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        f"-days {days} -subj /CN={DOMAIN} -addext subjectAltName=DNS:{DOMAIN} -keyout {KEY} "
        f"-out {CERTIFICATE} && cat {CERTIFICATE} >> {ISSUED} && systemctl reload nginx"
    )
    mend = f"for f in {CERTIFICATE} {KEY} {ISSUED}; do mv $f.kept $f; done; systemctl reload nginx"
    return Fault(alert, make, mend)


def _full(alert: str, kib: int) -> Fault:
    """A disk of 8 MiB has so much on it."""
    make = f"mount -t tmpfs -o size=8M tmpfs /srv && head -c {kib}K /dev/zero > /srv/fill"
    return Fault(alert, make, "umount /srv")


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
    _full("DiskFilling", 7168),
    _ending("CertificateExpiring", 5),
]
SINGLE = [
    _aged("BackupTooOld", "backup", "fivebox-backup"),
    Fault("NginxDown", "systemctl stop nginx", "systemctl start nginx"),
    Fault("RedisDown", "systemctl stop redis-server", "systemctl start redis-server"),
]
FURTHER = [
    Fault("DatabaseDown", "systemctl stop postgresql", "systemctl start postgresql"),
    Fault("ApiDown", f"systemctl stop {API_UNIT}", f"systemctl start {API_UNIT}"),
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
    # As on a host that never ran one.
    Fault("DrillMissing", f"mv {FIGURES}/drill-1.prom /root", f"mv /root/drill-1.prom {FIGURES}"),
    Fault(
        "BackupMissing",
        f"systemctl stop fivebox-backup.timer && rm {FIGURES}/backup-1.prom",
        "systemctl start fivebox-backup fivebox-backup.timer",
    ),
    Fault(
        "WalNotArchived",
        f"mv {STORAGE} {STORAGE}.away && {PSQL} 'SELECT pg_create_restore_point($$lab$$)' "
        "-c 'SELECT pg_switch_wal()'",
        f"mv {STORAGE}.away {STORAGE}",
    ),
    _full("DiskFull", 8000),
    _ending("CertificateEnding", 1),
    # Mails are refused until that is known, and told of by mail then.
    Fault(
        "AlertsUndelivered",
        "port=$(sed -n 's/.*smarthost.*:\\([0-9]*\\).*/\\1/p' /etc/prometheus/alertmanager.yml); "
        'nft "table inet lab { chain out { type filter hook output priority 0; '
        'tcp dport $port reject; }; }" && '
        "systemd-run --quiet --unit=fivebox-unheard /bin/false; "
        f"timeout {SECONDS} sh -c 'until {ALERTS} | grep -q AlertsUndelivered; do sleep 1; done'; "
        "nft delete table inet lab",
        "systemctl reset-failed fivebox-unheard",
    ),
    # The sender of a fleet, without a receiver and then with one.
    Fault(
        "LogsNotShipped",
        "DEBIAN_FRONTEND=noninteractive apt-get install -qy systemd-journal-remote && "
        f"mkdir -p {SENDER}.service.d && "
        "printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nRestart=always\\nRestartSec=1\\n' "
        f"> {SENDER}.service.d/lab.conf && "
        "echo URL=http://127.0.0.1 >> /etc/systemd/journal-upload.conf && systemctl daemon-reload "
        "&& systemctl start --no-block systemd-journal-upload",
        "systemd-run --quiet --unit=lab-receiver -p StateDirectory=lab /lib/systemd/"
        "systemd-journal-remote --listen-http=19532 --output=/var/lib/lab",
    ),
    Fault(
        "DatabaseConnectionsHigh",
        'for i in $(seq 34); do systemd-run --quiet --unit="held-$i" '
        "runuser -u postgres -- psql -qc 'SET statement_timeout = 0' -c 'SELECT pg_sleep(600)'; "
        "done",
        "systemctl stop 'held-*'",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def quick(host: Host) -> Iterator[None]:
    with hasty(host):
        yield


@pytest.fixture(scope="module")
def run(host: Host, secrets: dict[str, str]) -> Callable[[str], None]:
    """Run a command of a fault on the host."""

    def run(command: str) -> None:
        host.ssh(f"export REDISCLI_AUTH={secrets['vault_redis_password']}; {command}")

    return run


def _begin(host: Host, *alerts: str) -> dict[str, int]:
    """The counts of now; what was told before must be over, or it would not be told again.

    An end that came during an outage is told a minute after that, when Prometheus repeats it.
    """

    def rest() -> bool:
        return not firing(host) & set(alerts) and not any(map(is_open, alerts))

    until(rest, SECONDS, f"{', '.join(alerts)} of before is over")
    return counts()


def _tell(host: Host, run: Callable[[str], None], faults: Sequence[Fault]) -> None:
    alerts = [fault.alert for fault in faults]
    _begin(host, *alerts)

    def make() -> None:
        for fault in faults:
            run(fault.make)

    def mend() -> None:
        for fault in faults:
            run(fault.mend)

    provoke(host, make, mend, alerts, SECONDS)


def test_faults_of_several_kinds_are_told_of(host: Host, run: Callable[[str], None]) -> None:
    _tell(host, run, TOGETHER)


@pytest.mark.parametrize("fault", SINGLE + (FURTHER if ALL else []), ids=lambda f: f.alert)
def test_a_fault_is_told_of(host: Host, run: Callable[[str], None], fault: Fault) -> None:
    _tell(host, run, [fault])


def test_what_follows_from_an_outage_is_not_told_of(host: Host, run: Callable[[str], None]) -> None:
    begun = _begin(host, "NginxDown", "PublicNameUnreachable")
    # A group that was told of is kept for half a minute, and what joins it is told of at once.
    run("systemctl restart prometheus-alertmanager && systemctl stop nginx")
    try:
        until(lambda: firing(host) >= {"NginxDown", "PublicNameUnreachable"}, SECONDS, "both fire")
        until(lambda: arrived(begun, "CRITICAL", "NginxDown"), SECONDS, "the cause arrives")
        _await_silenced(host, "PublicNameUnreachable")
        assert not arrived(begun, "CRITICAL", "PublicNameUnreachable")
    finally:
        run("systemctl start nginx")
    until(
        lambda: not firing(host) & {"NginxDown", "PublicNameUnreachable"}, SECONDS, "both are over"
    )


def _await_silenced(host: Host, alert: str) -> None:
    until(lambda: alert in host.ssh(SILENCED).stdout, SECONDS, f"{alert} is silenced")


def test_a_message_says_what_to_do() -> None:
    text = next(mail["text"] for mail in received()["mails"] if "RedisDown" in mail["subject"])
    assert "Redis on box does not answer" in text
    assert "Likely cause: " in text
    assert "Runbook: docs/runbooks/outage.md" in text


def test_the_dead_man_s_switch_is_asked(host: Host) -> None:
    def names() -> set[str]:
        beats = [post["body"] for post in received()["posted"] if post["path"] == HEARTBEAT]
        return {embed["title"] for beat in beats for embed in beat["embeds"]}

    until(lambda: bool(names()), SECONDS, "the dead man's switch is asked")
    assert names() == {"Watchdog"}
    # After a restart there is none before the next beat.
    beats = "last_over_time(alertmanager_notifications_total%5B1h%5D)"
    asked = f"curl -s 'http://127.0.0.1:9090/api/v1/query?query={beats}'"
    until(lambda: '"heartbeat"' in host.ssh(asked).stdout, SECONDS, "its figures have its name")


def test_an_operator_s_test_alert_arrives(desk: Desk) -> None:
    begun = counts()
    with Runbook("monitoring", __file__, desk) as book:
        assert book.run(4) == ["a test alert went out by email slack\n"]
    # The script takes any message that goes out meanwhile for its own.
    until(partial(arrived, begun, "TEST", "TestAlert"), SECONDS, "the test alert arrives")


in_full = pytest.mark.skipif(not ALL, reason="make lab-alerts")


@in_full
def test_an_outage_of_the_public_name_counts_after_its_end(host: Host) -> None:
    begun = _begin(host, "PublicNameUnreachable", "PublicNameAvailabilityLow")
    # A group that was told of is kept for half a minute, and what joins it is told at once.
    host.ssh("systemctl restart prometheus-alertmanager")
    # Its name leads elsewhere; each probe looks it up.
    host.ssh(f"sed -i.kept 's/.* {DOMAIN}$/{network.GATEWAY} {DOMAIN}/' /etc/hosts")
    try:
        until(partial(arrived, begun, "CRITICAL", "PublicNameUnreachable"), SECONDS, "it arrives")
        _await_silenced(host, "PublicNameAvailabilityLow")
        assert not arrived(begun, "WARNING", "PublicNameAvailabilityLow")
    finally:
        begun = counts()
        host.ssh("mv /etc/hosts.kept /etc/hosts")
    until(partial(over, begun, "PublicNameUnreachable"), SECONDS, "it is over")
    until(
        partial(arrived, begun, "WARNING", "PublicNameAvailabilityLow"),
        SECONDS,
        "the share arrives",
    )
    until(partial(over, begun, "PublicNameAvailabilityLow"), SECONDS, "the share is over")


@in_full
def test_a_busy_processor_is_told_of() -> None:
    with machine.processors_busy():
        until(partial(is_open, "CpuBusy"), SECONDS, "CpuBusy arrives")
    until(lambda: not is_open("CpuBusy"), OTHERS_SECONDS, "CpuBusy is over")


@in_full
def test_a_full_memory_is_told_of(host: Host) -> None:
    begun = _begin(host, "MemoryFull")
    with machine.memory_full():
        until(partial(arrived, begun, "WARNING", "MemoryFull"), SECONDS, "MemoryFull arrives")
        begun = counts()
    until(partial(over, begun, "MemoryFull"), SECONDS, "MemoryFull is over")


@in_full
def test_a_clock_that_is_not_set_is_told_of(host: Host) -> None:
    alert = "ClockNotSynchronised"
    # That of this machine may not be set either.
    with machine.clock(is_set=True):
        begun = _begin(host, alert)
        with machine.clock(is_set=False):
            until(partial(arrived, begun, "WARNING", alert), SECONDS, f"{alert} arrives")
            begun = counts()
        until(partial(over, begun, alert), SECONDS, f"{alert} is over")


@in_full
def test_slow_and_failing_requests_are_told_of(host: Host, api: Api, token: str) -> None:
    lock = "BEGIN; LOCK TABLE user_habits; SELECT pg_sleep(3); COMMIT"
    revoke = "REVOKE SELECT ON user_habits FROM fivebox_app"
    grant = "GRANT SELECT ON user_habits TO fivebox_app"
    habits = ["/v1/habits"] * 12
    # Of 33 one fails: more than one in a hundred, fewer than five.
    mixed = ["/v1/habits", *["/v1/accounts/me"] * 32]
    with ThreadPoolExecutor(12) as pool:

        def under_load(paths: list[str], told: Callable[[], bool], make: str = "") -> bool:
            if make:
                host.ssh(f"systemd-run --quiet --collect {PSQL} {shlex.quote(make)}")
            list(pool.map(lambda path: api.ask("GET", path, None, token), paths))
            return told()

        begun = _begin(host, "ApiSlow")
        slow = partial(arrived, begun, "WARNING", "ApiSlow")
        until(partial(under_load, habits, slow, lock), SECONDS, "ApiSlow arrives")
        for paths, word, alert in (
            (habits, "CRITICAL", "ApiErrorsCritical"),
            (mixed, "WARNING", "ApiErrors"),
        ):
            begun = _begin(host, alert)
            host.ssh(f"{PSQL} {shlex.quote(revoke)}")
            try:
                failing = partial(arrived, begun, word, alert)
                until(partial(under_load, paths, failing), SECONDS, f"{alert} arrives")
            finally:
                begun = counts()
                host.ssh(f"{PSQL} {shlex.quote(grant)}")
            # Fewer errors are still a warning, which the next begins after.
            ended = partial(over, begun, alert)
            until(partial(under_load, habits, ended), SECONDS, f"{alert} is over")
        all_over = partial(arrived, begun, "RESOLVED", "ApiErrors")
        until(partial(under_load, habits, all_over), SECONDS, "all errors are over")


@in_full
def test_every_alert_was_told_of_and_its_end(host: Host) -> None:
    words = severities(host)
    told = {name for name, word in words.items() if arrived(BEGINNING, word, name)}
    assert set(words) - told == NOT_HERE | {"Watchdog"}
    # That of this machine may not be set.
    for name in told - {"ClockNotSynchronised"}:
        until(partial(_is_told_over, name), SECONDS, f"{name} is over")


def _is_told_over(alert: str) -> bool:
    return not is_open(alert)
