"""A day of normal load as Prometheus reads it: of one small host, or of a fleet.

It has what is no fault: a quiet night and a busy evening, single failures, readings that fail,
backups, a drill of them, the renewal of the certificate, an upgrade of services, and a release that
takes over.
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.ansible.rules.series import Labels, Series, Value, counter, gauge

DAY_MINUTES = 24 * 60
DAY_SECONDS = 60 * DAY_MINUTES
# It begins with the evening, the busiest time.
BEGIN_HOUR = 18
# Requests a minute at each hour, from midnight.
RHYTHM = (
    *(80, 50, 20, 6, 2, 2, 6, 40, 120, 160, 140, 150),
    *(180, 160, 150, 140, 170, 240, 360, 480, 520, 440, 300, 160),
)
MOST = max(RHYTHM)
MEMORY = 1024 * 1024 * 1024
DISK = 25_000_000_000
FLEET = {
    "edge": ["edge1", "edge2"],
    "api": ["api1", "api2", "api3"],
    "database": ["database1", "database2", "database3"],
    "cache": ["cache1", "cache2", "cache3"],
    "monitor": ["monitor1"],
}
SINGLE = {group: ["box"] for group in FLEET}


def minute(hour: int, minutes: int = 0) -> int:
    """The minute of this day at a time of the clock."""
    return (hour - BEGIN_HOUR) % 24 * 60 + minutes


BACKUP = range(minute(2), minute(2, 12))
BACKUPS = (minute(20, 5), BACKUP.stop, minute(8, 5), minute(14, 5))
DRILL = range(minute(4, 30), minute(4, 38))
RENEWAL = minute(4, 10)
UPGRADE = minute(6, 15)
DEPLOY = minute(10, 30)
# In the busy evening, in the night, when two are a large share, and at noon.
FAILURES = (minute(19, 10), minute(19, 40), minute(4, 10), minute(4, 13), minute(12, 15))
# What share of the requests takes at most so many seconds, usually and while a backup is made.
DURATIONS = {
    "0.001": (0, 0),
    "0.0025": (0.1, 0.05),
    "0.005": (0.2, 0.1),
    "0.01": (0.4, 0.2),
    "0.025": (0.6, 0.4),
    "0.05": (0.75, 0.6),
    "0.1": (0.88, 0.75),
    "0.25": (0.955, 0.87),
    "0.5": (0.98, 0.93),
    "1": (0.99, 0.97),
    "2.5": (0.998, 0.995),
    "5": (1, 1),
    "+Inf": (1, 1),
}
ROUTES = {
    ("GET", "/v1/habits", "200"): 0.6,
    ("POST", "/v1/habits", "201"): 0.3,
    ("GET", "/v1/habits/<row_id:habit_id>", "404"): 0.05,
    ("POST", "/v1/accounts/login", "401"): 0.05,
}
# Exporters of their own, where the host has the memory for them.
PORTS = {"postgres": 9187, "redis": 9121, "nginx": 9113, "probe": 9115}


class Unit(NamedTuple):
    """A unit of systemd, and what it mostly is."""

    name: str
    state: str


UNITS = (
    Unit("fivebox-nightly.service", "inactive"),
    Unit("nginx.service", "active"),
    Unit("ssh.service", "active"),
)
# Who sends the logs of a fleet to its monitor host.
SHIPPER = Unit("systemd-journal-upload.service", "active")
# Of a cluster; the primary counts those that follow it, else each member counts itself.
COUNTED_BY_PRIMARY = {"postgresql": "database", "redis": "cache"}
COUNTED_BY_EACH = {"patroni": "database", "etcd": "database", "sentinel": "cache"}
STATES = ("activating", "active", "deactivating", "failed", "inactive")


def load(at: int) -> int:
    """Requests of a minute, by the quarter of the hour."""
    hour, rest = divmod((at // 15 * 15 + BEGIN_HOUR * 60) % DAY_MINUTES, 60)
    return RHYTHM[hour] + (RHYTHM[(hour + 1) % 24] - RHYTHM[hour]) * rest // 60


class Day:
    """The series of all hosts.

    Args:
        groups: the hosts of each group of the inventory.
        minutes: how much of the day.
    """

    def __init__(self, groups: dict[str, list[str]], minutes: int = DAY_MINUTES + 1) -> None:
        self.groups = groups
        self.minutes = minutes
        self.series: list[Series] = []
        hosts = sorted({name for names in groups.values() for name in names})
        # A small host alone leaves the figures of its services with the node exporter.
        self.light = len(hosts) == 1
        for host in hosts:
            self._host(host)
        for number, host in enumerate(groups["api"]):
            self._api(host, DEPLOY + 2 * number)
        for number, host in enumerate(groups["database"]):
            self._database(host, copy=number > 0)
        for host in groups["cache"]:
            self._cache(host)
        for host in groups["edge"]:
            self._edge(host)
        self._monitor(groups["monitor"][0])
        if not self.light:
            self._members()

    def _gauge(self, name: str, labels: Labels, value: Callable[[int], Value]) -> None:
        self.series.append(Series(name, labels, gauge(self.minutes, value)))

    def _counter(
        self,
        name: str,
        labels: Labels,
        grows: Callable[[int], float],
        begin: float = 0,
        lives: range | None = None,
    ) -> None:
        self.series.append(Series(name, labels, counter(self.minutes, grows, begin, lives)))

    def _of(self, job: str, host: str) -> Labels:
        """The labels of a target's figures."""
        job = "node" if self.light and job in PORTS else job
        return {"job": job, "host": host, "instance": f"{host}:{PORTS.get(job, 9100)}"}

    def _up(self, labels: Labels, missed: int = -1) -> None:
        """That a target answers, but for one reading."""
        self._gauge("up", labels, lambda at: int(at != missed))

    def _service_up(self, job: str, host: str) -> None:
        if not self.light:
            self._up(self._of(job, host))

    def _host(self, host: str) -> None:
        of = self._of("node", host)
        self._up(of, missed=minute(13, 20))
        keeps_data = host in self.groups["database"]

        def works(at: int) -> bool:
            return keeps_data and (at in BACKUP or at in DRILL)

        def busy(at: int) -> float:
            return 0.95 if works(at) else round(0.1 + 0.5 * load(at) / MOST, 2)

        for cpu in ("0", "1"):
            labels = {**of, "cpu": cpu}
            for mode, share in (("idle", lambda at: 1 - busy(at)), ("user", busy)):
                self._counter(
                    "node_cpu_seconds_total",
                    {**labels, "mode": mode},
                    lambda at, share=share: 60 * share(at),
                )

        def available(at: int) -> float:
            taken = 0.15 * works(at) + 0.12 * (at in range(DEPLOY, DEPLOY + 10))
            return round(MEMORY * (0.45 - 0.1 * load(at) / MOST - taken))

        self._gauge("node_memory_MemTotal_bytes", of, lambda _: MEMORY)
        self._gauge("node_memory_MemAvailable_bytes", of, available)

        # Data grows, a backup takes room while it is made, and a release stays.
        def free(at: int) -> float:
            taken = 0.02 * at / DAY_MINUTES + 0.08 * works(at) + 0.01 * (at >= DEPLOY)
            return round(DISK * (0.42 - taken))

        disks = {"/": free, "/boot": lambda _: 0.05 * DISK, "/run": lambda _: 0.1 * DISK}
        for mountpoint, avail in disks.items():
            disk = {**of, "device": "/dev/vda1", "fstype": "ext4", "mountpoint": mountpoint}
            self._gauge("node_filesystem_size_bytes", disk, lambda _: DISK)
            self._gauge("node_filesystem_avail_bytes", disk, avail)
        for unit in (*UNITS, *(() if self.light else (SHIPPER,))):
            self._unit(of, unit)
        self._gauge("node_timex_sync_status", of, lambda _: 1)
        self._gauge("node_timex_maxerror_seconds", of, lambda _: 0.1)
        if not self.light:
            target = {**of, "target": "/etc/fivebox-tls/cert.pem"}
            name = "fivebox_certificate_end_timestamp"
            self._gauge(name, target, lambda _: 400 * DAY_SECONDS)
        self._files(of)

    def _unit(self, of: Labels, unit: Unit) -> None:
        # A job fails, and is begun again.
        fails = minute(2, 30) if unit.state == "inactive" else -1
        for state in STATES:
            self._gauge(
                "node_systemd_unit_state",
                {**of, "name": unit.name, "state": state, "type": "simple"},
                lambda at, state=state: int(state == ("failed" if at == fails else unit.state)),
            )

    def _files(self, of: Labels) -> None:
        """When figures were left with the node exporter."""
        name, folder = "node_textfile_mtime_seconds", "/var/lib/prometheus/node-exporter"
        self._gauge(name, {**of, "file": f"{folder}/fivebox-backup.prom"}, _last_backup)
        if self.light:
            # The upgrade begins the script anew.
            away = range(UPGRADE, UPGRADE + 3)
            self._gauge(
                name,
                {**of, "file": f"{folder}/fivebox-services.prom"},
                lambda at: 60 * (away.start - 1 if at in away else at) - 20,
            )

    def _api(self, host: str, deploy: int) -> None:
        share_of_host = 1 / len(self.groups["api"])
        # The release of before ends two minutes after the next has begun.
        slots = {"blue": range(deploy + 2), "green": range(deploy, DAY_MINUTES + 1)}
        for slot, lives in slots.items():
            of = {**self._of("api", host), "slot": slot}
            # A slot at rest answers too; while it ends it does not.
            missed = lives.stop if slot == "blue" else -1
            self._up(of, missed)
            self._up({**of, "job": "events"}, missed)
            # The old one has counted for days, the new one begins.
            begin = 1e6 if slot == "blue" else 0

            def add(
                name: str,
                key: tuple[str, str, str],
                grows: Callable[[int], float],
                of: Labels = of,
                begin: float = begin,
                lives: range = lives,
                **further: str,
            ) -> None:
                labels = dict(zip(("method", "route", "status"), key, strict=True))
                self._counter(name, {**of, **labels, **further}, grows, begin, lives)

            for key, share in ROUTES.items():
                count = share * share_of_host
                add("http_requests_total", key, lambda at, n=count: load(at) * n)
            first = host == self.groups["api"][0]
            failed = ("POST", "/v1/habits", "500")
            add("http_requests_total", failed, lambda at, first=first: first and at in FAILURES)
            add("http_requests_total", ("GET", "/health", "200"), lambda _: 4)
            for bound, (usual, slow) in DURATIONS.items():
                name = "http_request_duration_seconds_bucket"

                def took(at: int, usual: float = usual, slow: float = slow) -> float:
                    return load(at) * share_of_host * (slow if at in BACKUP else usual)

                add(name, ("GET", "/v1/habits", "200"), took, le=bound)
                add(name, ("GET", "/health", "200"), lambda _: 4, le=bound)
                # A stream of live updates lasts for minutes.
                long = 30 * (bound == "+Inf")
                add(name, ("GET", "/v1/events", "200"), lambda _, n=long: n, le=bound)

    def _database(self, host: str, *, copy: bool) -> None:
        of, node = self._of("postgres", host), self._of("node", host)
        self._service_up("postgres", host)
        self._gauge("pg_up", of, lambda _: 1)
        self._gauge("pg_settings_max_connections", of, lambda _: 40)
        crowded = range(minute(19, 30), minute(19, 33))

        def connections(at: int) -> float:
            both_slots = 10 * (at in range(DEPLOY, DEPLOY + 4))
            return 34 if at in crowded else 6 + load(at) // 52 + both_slots

        self._gauge("pg_stat_database_numbackends", {**of, "datname": "fivebox"}, connections)
        self._gauge("pg_stat_database_numbackends", {**of, "datname": "postgres"}, lambda _: 1)
        # It is behind for a moment while tables are cleaned up.
        behind = range(minute(3), minute(3, 4))
        self._gauge("pg_replication_lag_seconds", of, lambda at: copy * (45 if at in behind else 1))
        # One attempt fails, and is repeated.
        archives = "pg_stat_archiver_failed_count"
        self._counter(archives, of, lambda at: not copy and at == minute(5), begin=3)
        if not copy:
            first = {"repository": "1"}
            self._gauge("fivebox:backups_expected", first, lambda _: 1)
            self._gauge("backup_last_success_timestamp", {**node, **first}, _last_backup)
            self._gauge("drill_last_success_timestamp", {**node, **first}, _last_drill)

    def _cache(self, host: str) -> None:
        of = self._of("redis", host)
        self._service_up("redis", host)
        self._gauge("redis_up", of, lambda at: int(at != UPGRADE))
        # Of a day before; with the upgrade it begins anew.
        self._gauge("redis_evicted_keys_total", of, lambda at: 312 if at <= UPGRADE else 0)

    def _members(self) -> None:
        for service, group in (COUNTED_BY_PRIMARY | COUNTED_BY_EACH).items():
            hosts = self.groups[group]
            expected = {"service": service}
            every = len(hosts)
            self._gauge("fivebox:members_expected", expected, lambda _, n=every: n)
            by_primary = service in COUNTED_BY_PRIMARY
            for host in hosts[:1] if by_primary else hosts:
                count = every if by_primary else 1
                of = {**self._of("node", host), **expected}
                self._gauge("fivebox_members", of, lambda _, n=count: n)

    def _edge(self, host: str) -> None:
        self._service_up("nginx", host)
        self._gauge("nginx_up", self._of("nginx", host), lambda at: int(at != UPGRADE))

    def _monitor(self, host: str) -> None:
        of = self._of("alertmanager", host)
        self._up(of, missed=UPGRADE)
        for way, failed in {"email": 0, "slack": 2, "heartbeat": 0}.items():
            name = "alertmanager_notifications_failed_total"
            self._gauge(name, {**of, "integration": way}, lambda _, failed=failed: failed)
        self._probe("public", self.groups["edge"][0], UPGRADE)
        for name in self.groups["api"]:
            self._probe("api", name, minute(22, 7))

    def _probe(self, probe: str, host: str, missed: int) -> None:
        of = {**self._of("probe", host), "probe": probe, "target": f"{probe} {host}"}
        if not self.light:
            self._up(of)
        self._gauge("probe_success", of, lambda at: int(at != missed))
        if probe == "public":
            # Thirty days before its end it is renewed for ninety.
            ends = "probe_ssl_earliest_cert_expiry"
            self._gauge(ends, of, lambda at: (30 if at < RENEWAL else 90) * DAY_SECONDS)


def _last_backup(at: int) -> float:
    # That before this day was the one of the afternoon.
    return 60 * max((made for made in BACKUPS if made <= at), default=BACKUPS[-1] - DAY_MINUTES)


def _last_drill(at: int) -> float:
    # One a week.
    return 60 * DRILL.stop - (0 if at >= DRILL.stop else 7 * DAY_SECONDS)
