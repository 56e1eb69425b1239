"""The runbooks, each followed word by word in the situation that it is for."""

import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.lab import network
from tests.lab.acme import BUNDLE
from tests.lab.conftest import DOMAIN, Api
from tests.lab.damage import damage_page
from tests.lab.full_disk import small_disk, write_until_refused
from tests.lab.hosts import API_UNIT, Host
from tests.lab.runbooks import Desk, Runbook, commands
from tests.lab.waiting import until

AUTHORITY = f"export REQUESTS_CA_BUNDLE={BUNDLE}; "
BACKUPS = "/var/lib/pgbackrest"
FIREWALL = "inet fivebox input"
MEMORY = 150 << 20
NGINX_TLS = "/etc/nginx/tls"
RENEWAL = f"/etc/letsencrypt/renewal/{DOMAIN}.conf"
# Keys without an end, and more of them than Redis may keep.
FILL = "for i = 1, 900 do redis.call('set', 'fill:' .. i, string.rep('x', 99999)) end"


def _sql(host: Host, statement: str) -> str:
    command = f"runuser -u postgres -- psql -XqAtd fivebox -c {shlex.quote(statement)}"
    return host.ssh(f"cd / && {command}").stdout.strip()


def _served(api: Api, path: str = "/health", token: str = "") -> bool:
    try:
        return api.ask("GET", path, None, token).status == 200
    except ConnectionError:
        return False


@contextmanager
def _running(host: Host, unit: str, command: str) -> Iterator[None]:
    """A program that should not run on the host, and does."""
    host.ssh(f"systemd-run --quiet --collect --unit={unit} {command}")
    try:
        yield
    finally:
        host.ssh(f"systemctl stop {unit}", check=False)


def test_outage(host: Host, api: Api, desk: Desk) -> None:
    provoked = "/run/systemd/system/fivebox-status.service.d"
    with Runbook("outage", __file__, desk) as book:
        host.ssh("systemctl stop nginx")
        assert "curl: (7)" in book.run(1, failing=["curl"])[0]
        assert "load average" in book.run(2)[0]
        status, journal, checked, _ = book.run(3, host)
        assert "inactive (dead)" in status
        assert "Stopped" in journal
        assert "test is successful" in checked
        assert "\n200 " in book.run(1)[0]

        host.ssh(f'systemctl stop "{API_UNIT}"')
        assert "\n502 " in book.run(1)[0]
        assert "inactive (dead)" in book.run(4, host)[0]
        assert "\n200 " in book.run(1)[0]

        host.ssh("systemctl stop redis-server")
        assert re.search(r'"cache":\{[^}]*"status":"down"', book.run(1)[0])
        assert "inactive (dead)" in book.run(5, host)[0]
        assert '"down"' not in book.run(1)[0]

        host.ssh(
            f"mkdir -p {provoked} && echo '[Service]\nExecStartPre=/bin/false' > {provoked}/x.conf"
        )
        host.ssh("systemctl daemon-reload; systemctl start fivebox-status", check=False)
        unit = "fivebox-status.service"
        failed, journal = book.run(6, host, UNIT=unit)
        assert unit in failed
        assert "status=1/FAILURE" in journal
        host.ssh(f"rm -r {provoked} && systemctl daemon-reload")
        book.run(7, host, UNIT=unit)
        assert host.ssh(f"systemctl is-failed {unit}", check=False).stdout != "failed\n"


def test_database_down(host: Host, api: Api) -> None:
    host.ssh("systemctl stop 'postgresql@*'; chmod 0777 /var/lib/postgresql/*/main")
    host.ssh("systemctl start postgresql")
    with Runbook("database-down", __file__) as book:
        until(lambda: "has invalid permissions" in book.run(1, host)[1], 20)
        assert re.search(r"main +5432 down", book.run(1, host)[0])
        assert not _served(api)
        book.run(2, host)
        assert "accepting connections" in book.run(4, host)[1]
        assert "Mem:" in book.run(5, host)[1]
    until(lambda: _served(api), 10)


def test_disk_full(host: Host, api: Api, token: str) -> None:
    archives = "/var/cache/apt/archives"
    with small_disk(host) as folder, Runbook("disk-full", __file__) as book:
        # Downloaded packages fill the disk that the database is on.
        host.ssh(f"mkdir -p {folder}/apt/partial && mount --bind {folder}/apt {archives}")
        try:
            host.ssh(f"dd if=/dev/zero of={archives}/some.deb bs=4k status=none", check=False)
            _, written = write_until_refused(api, token, "runbook")
            disks, _, sizes = book.run(1, host)
            assert re.search(rf"100% +{folder}\n", disks)
            assert re.search(r"^\d+M\t/var/cache/apt/archives$", sizes, re.M)
            book.run(2, host)
        finally:
            host.ssh(f"umount {archives}")
        assert "last_failed_wal" in book.run(4, host)[2]
        assert "(10 rows)" in book.run(5, host)[0]
        disks, clusters, guard = book.run(7, host)
        assert not re.search(rf"100% +{folder}\n", disks)
        # A table space is not what it watches; of that tells the role's own test.
        assert "read-only" not in guard
        assert "online" in clusters
        habit = {"id": "runbook-room", "name": "x", "start_date": "2026-01-01"}
        assert api.ask("POST", "/v1/habits", habit, token).status == 201
        for row_id in (*written, habit["id"]):
            assert _served(api, f"/v1/habits/{row_id}", token), row_id


def test_slow_service(host: Host, api: Api, token: str) -> None:
    hold = shlex.quote("BEGIN; LOCK TABLE user_habits; SELECT pg_sleep(28); COMMIT")
    holder = f"runuser -u postgres -- psql -qd fivebox -c {hold}"
    with (
        _running(host, "runbook-lock", holder),
        ThreadPoolExecutor(1) as pool,
        Runbook("slow-service", __file__) as book,
    ):
        until(lambda: "AccessExclusive" in _sql(host, "SELECT mode FROM pg_locks"), 5)
        # Waits until the API's own limit, and is told of as slow.
        assert api.ask("GET", "/v1/habits", None, token).status >= 500
        health, routes = book.run(1, host)
        assert '"responseTime"' in health
        assert '"route":"/v1/habits"' in routes
        waiting = pool.submit(api.ask, "GET", "/v1/habits", None, token)
        shown: list[str] = []

        def blocked() -> bool:
            shown[:] = book.run(2, host)
            return "Lock" in shown[0] and "{" in shown[1]

        until(blocked, 5)
        waits_for = re.search(r"\{(\d+)\}", shown[1])
        assert waits_for
        book.run(3, host, PID=waits_for[1])
        assert waiting.result().status == 200
        assert "ANALYZE" in book.run(4, host)[0]
        _, _, pressure, _ = book.run(5, host)
        assert "some avg10=" in pressure
        assert "fivebox_app" in book.run(6, host)[0]
        assert "/opt/fivebox/slots/blue" in book.run(7, host)[0]


def test_busy_host(host: Host, api: Api, token: str) -> None:
    hog = f"import time; x = bytearray(b'x' * {MEMORY}); open('/run/hogged', 'w'); time.sleep(600)"
    with Runbook("host", __file__) as book:
        with _running(host, "runbook-burner", "sh -c 'while :; do :; done'"):
            for _ in range(60):
                assert _served(api, "/v1/habits", token)
            _, busiest, clients = book.run(1, host)
            assert "runbook-burner" in busiest
            assert f'"client_ip":"{network.GATEWAY}"' in clients.splitlines()[0]
            book.run(2, host, UNIT="runbook-burner")
            assert "runbook-burner" not in book.run(1, host)[1]
        with _running(host, "runbook-hog", f"python3 -c {shlex.quote(hog)}"):
            until(lambda: host.succeeds("rm /run/hogged"), 10)
            assert "runbook-hog" in book.run(3, host)[1]
            book.run(2, host, UNIT="runbook-hog")
        assert "Mounted on" in book.run(4, host)[0]
        assert "UTC" in book.run(5, host)[0]
    assert _served(api)


def test_redis_drops_keys(host: Host) -> None:
    password = commands("cache-evictions")[0].text
    host.ssh(f'{password}; redis-cli eval "{FILL}" 0')
    with Runbook("cache-evictions", __file__) as book:
        _, memory, stats, kinds = book.run(1, host)
        assert "maxmemory_human" in memory
        assert re.search(r"evicted_keys:[1-9]", stats)
        assert kinds.splitlines()[0].endswith(" fill")
        assert re.search(r"^fill:\d+: -1$", book.run(2, host)[0], re.M)
        assert "evicted_keys:0" in book.run(1, host)[2]
        assert "Mem:" in book.run(3, host)[0]


@pytest.fixture
def ending(host: Host) -> Iterator[None]:
    """A certificate that ends, is due, has no timer, and whose authority does not get through."""
    host.ssh(
        "systemctl disable --now certbot.timer && "
        f"sed -i '1i renew_before_expiry = 9999 days' {RENEWAL} && "
        f"nft insert rule {FIREWALL} tcp dport 80 reject with tcp reset"
    )
    host.ssh(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
        f"-subj /CN=ending -keyout {NGINX_TLS}/privkey.pem -out {NGINX_TLS}/fullchain.pem && "
        "systemctl reload nginx"
    )
    yield
    host.ssh(f"sed -i /renew_before_expiry.*9999/d {RENEWAL}")
    lineage = f"/etc/letsencrypt/live/{DOMAIN}"
    host.ssh(f"RENEWED_LINEAGE={lineage} /etc/letsencrypt/renewal-hooks/deploy/fivebox")


@pytest.mark.usefixtures("ending")
def test_certificate_ends(host: Host, api: Api) -> None:
    with Runbook("certificate", __file__, prelude=AUTHORITY) as book:
        until(lambda: "ending" in book.run(1, host)[0], 10)
        assert "0 timers listed" in book.run(1, host)[3]
        book.run(2, host)
        assert "certbot.timer" in book.run(1, host)[3]
        _, log, firewall = book.run(3, host, failing=["certbot"])
        assert "connection refused" in log
        assert "reject with tcp reset" in firewall
        book.run(5, host)
        book.run(3, host)
        book.run(4, host)
        until(lambda: "ending" not in book.run(1, host)[0], 10)
        served, file, *_ = book.run(1, host)
        assert served.splitlines()[0] == file.strip()
    assert _served(api)


def test_backups_too_old(host: Host) -> None:
    stamp = "grep -h ^backup_last_success /var/lib/prometheus/node-exporter/backup-1.prom"
    before = host.ssh(stamp, check=False).stdout
    host.ssh(f"chown -R root:root {BACKUPS} && chmod 0700 {BACKUPS}")
    host.ssh("systemctl disable --now fivebox-backup.timer")
    host.ssh("systemctl stop fivebox-backup-drill.timer")
    host.ssh("systemctl start fivebox-backup", check=False)
    with Runbook("backups", __file__) as book:
        timers, _, failed, journal, *_ = book.run(1, host)
        assert "fivebox-backup" not in timers
        assert "fivebox-backup.service" in failed
        assert "ermission denied" in journal
        book.run(2, host)
        book.run(3, host)
        book.run(4, host)
        timers, stamps, failed, *_ = book.run(1, host)
    assert "fivebox-backup.timer" in timers
    assert "fivebox-backup-drill.timer" in timers
    assert "fivebox-backup.service" not in failed
    assert "backup_last_success_timestamp" in stamps
    assert host.ssh(stamp).stdout != before


def test_data_deleted_by_mistake(host: Host, api: Api, desk: Desk, token: str) -> None:
    ids = [f"mistake-{number}" for number in range(3)]
    gone = "mistake-gone"
    for row_id in (*ids, gone):
        habit = {"id": row_id, "name": "kept", "start_date": "2026-01-01"}
        assert api.ask("POST", "/v1/habits", habit, token).status == 201
    assert api.ask("DELETE", f"/v1/habits/{gone}", None, token).status == 204
    with Runbook("data-deleted", __file__, desk) as book:
        now = book.run(1, host)[0]
        # A whole second in which all is there.
        until(lambda: book.run(1, host)[0] != now, 5)
        moment = book.run(1, host)[0].strip()
        assert api.ask("DELETE", f"/v1/habits/{ids[0]}", None, token).status == 204
        assert api.ask("DELETE", f"/v1/habits/{ids[1]}", None, token).status == 204
        _sql(host, f"DELETE FROM user_habits WHERE id = '{ids[2]}'")  # noqa: S608 - a constant
        deleted = book.run(1, host)[1].splitlines()[-1]
        user = re.search(r'"user_id":"([0-9a-f-]+)"', deleted)
        assert user
        revision = _sql(host, f"SELECT rev FROM sync_state WHERE user_id = '{user[1]}'")  # noqa: S608
        book.run(3, host, TIME=moment)
        assert not _served(api, f"/v1/habits/{ids[0]}", token)
        book.run(4, host, USER_ID=user[1])
        book.run(5, host)
    for row_id in ids:
        assert api.ask("GET", f"/v1/habits/{row_id}", None, token).json()["name"] == "kept"
    assert api.ask("GET", f"/v1/habits/{gone}", None, token).status == 404
    live = f"user_id = '{user[1]}' AND deleted_at IS NULL AND id LIKE 'mistake-%'"
    told = _sql(host, f"SELECT min(rev) FROM user_habits WHERE {live}")  # noqa: S608
    assert int(told) > int(revision)


def test_corrupted_page(host: Host, api: Api) -> None:
    _sql(
        host,
        "CREATE TABLE lab_pages AS SELECT md5(n::text) AS text FROM generate_series(1, 5000) AS n; "
        "CREATE INDEX lab_pages_text ON lab_pages (text)",
    )
    path = _sql(host, "SELECT pg_relation_filepath('lab_pages_text')")
    damage_page(host, path)
    try:
        with Runbook("corrupted-page", __file__) as book:
            known, faults = book.run(1, host)
            assert "full backup" in known
            assert '"error": false' in faults
            assert "lab_pages_text" in book.run(2, host)[0]
            _, checked = book.run(3, host, NAME="public.lab_pages_text")
            assert "lab_pages" not in checked
    finally:
        _sql(host, "DROP TABLE lab_pages")
    until(lambda: _served(api), 10)


def test_monitoring(host: Host) -> None:
    host.ssh("systemctl stop fivebox-figures")
    with Runbook("monitoring", __file__) as book:
        targets, status, _ = book.run(1, host)
        assert '"health":"up"' in targets
        assert "inactive (dead)" in status
        book.run(2, host)
        assert "inactive (dead)" not in book.run(1, host)[1]
        alerts, _ = book.run(3, host)
        assert "Watchdog" in alerts
        assert "Ready" in book.run(5, host)[1]
        assert "systemd-journal-upload" in book.run(6, host)[0]


@pytest.fixture(autouse=True)
def _well(api: Api) -> Iterator[None]:
    """Whatever a page ends with, the service is as it was."""
    yield
    until(lambda: _served(api), 20)
