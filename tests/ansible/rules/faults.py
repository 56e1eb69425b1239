"""What may be wrong with the figures of a day: of each kind that an alert tells of."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.ansible.rules.day import DAY_SECONDS, DISK, DURATIONS, MEMORY, SHIPPER, Day
from tests.ansible.rules.series import Labels

# Minutes as they should be, and all of them; an alert may take fifteen to fire.
BEGIN = 20
MINUTES = 60


@dataclass
class Fault:
    """A change of values.

    Args:
        metric: whose values become others.
        value: that a value becomes, by the minutes since the fault began and the value then.
        labels: of the series that it changes; none for all of the metric.
    """

    metric: str
    value: Callable[[int, float], float]
    labels: Labels = field(default_factory=dict)

    def change(self, day: Day) -> bool:
        """Put it into a day; false when the day has no such figures."""
        found = False
        for series in day.series:
            before = series.values[BEGIN]
            wanted = series.name == self.metric and self.labels.items() <= series.labels.items()
            if wanted and before is not None:
                found = True
                since = range(len(series.values) - BEGIN)
                series.values[BEGIN:] = [self.value(minutes, before) for minutes in since]
        return found


def _is(value: float) -> Callable[[int, float], float]:
    return lambda _since, _before: value


def _grows(by: float) -> Callable[[int, float], float]:
    return lambda since, before: before + by * since


def _stands(_since: int, before: float) -> float:
    return before


FAULTS = [
    # No request takes less than a second, one in five fails, and nothing answers a probe.
    *(
        Fault("http_request_duration_seconds_bucket", _stands, {"route": "/v1/habits", "le": bound})
        for bound in DURATIONS
        if float(bound) <= 1
    ),
    Fault("http_requests_total", _grows(100), {"status": "500"}),
    Fault("probe_success", _is(0)),
    # It ends tomorrow.
    Fault("probe_ssl_earliest_cert_expiry", _is(DAY_SECONDS)),
    Fault("backup_last_success_timestamp", _is(-14 * 3600)),
    Fault("drill_last_success_timestamp", _is(-9 * DAY_SECONDS)),
    Fault("pg_stat_archiver_failed_count", _grows(1)),
    Fault("pg_up", _is(0)),
    Fault("pg_stat_database_numbackends", _is(36), {"datname": "fivebox"}),
    Fault("pg_replication_lag_seconds", _is(40)),
    Fault("up", _is(0)),
    Fault("node_cpu_seconds_total", _stands, {"mode": "idle"}),
    Fault("node_memory_MemAvailable_bytes", _is(0.1 * MEMORY)),
    Fault("node_filesystem_avail_bytes", _is(0.03 * DISK), {"mountpoint": "/"}),
    Fault("node_textfile_mtime_seconds", _stands),
    Fault("node_systemd_unit_state", _is(1), {"state": "failed"}),
    Fault("alertmanager_notifications_failed_total", _grows(1), {"integration": "email"}),
    Fault("nginx_up", _is(0)),
    Fault("redis_up", _is(0)),
    Fault("redis_evicted_keys_total", _grows(5)),
    Fault("node_timex_sync_status", _is(0)),
    Fault("node_timex_maxerror_seconds", _is(16)),
]
FAULTS_OF_FLEETS = [
    *FAULTS,
    # One target of a host answers, so that the host is not down.
    Fault("up", _is(1), {"job": "alertmanager"}),
    Fault("node_systemd_unit_state", _is(0), {"name": SHIPPER.name, "state": "active"}),
    Fault("fivebox_members", _is(0)),
]
# Debian's exporters leave no figures that could grow old.
OF_SMALL_HOSTS = {"FiguresStale"}
OF_FLEETS = {"ServiceUnread", "LogsNotShipped", "DatabaseRedundancyLost", "CacheRedundancyLost"}
# They take hours to fire; molecule/prometheus/rules/backups.yml waits for them.
LATER = {"BackupMissing", "DrillMissing"}
