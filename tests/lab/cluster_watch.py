"""The monitor host beside a cluster of the lab, and what it tells of the cluster's faults."""

from functools import partial

from tests.lab import hosts
from tests.lab.acme import Authority
from tests.lab.hasty import firing, hasty, provoke
from tests.lab.playbooks import MONITOR_DOMAIN
from tests.lab.receivers import Receivers
from tests.lab.waiting import until
from tests.lab.writer import Writer

SECONDS = 120
REDUNDANCY = ("DatabaseRedundancyLost", "CacheRedundancyLost")
LAGGING = "ReplicationLagging"
# Not what looks for it.
REPLAY = "'[s]tartup recovering'"


class Watch:
    """The monitor host; its mails and webhooks arrive on the lab's bridge."""

    def __init__(self, host: hosts.Host) -> None:
        """
        Args:
            host: that it is.
        """
        self.host = host
        self._authority = Authority()
        self._receivers = Receivers()

    def start(self) -> dict[str, object]:
        """Start what it talks to.

        Returns:
            the settings with which it has a certificate, and its alerts arrive.
        """
        self._authority.start(self.host.address)
        self._receivers.start()
        return {
            **self._authority.give(self.host),
            **self._receivers.give(self.host),
            "fivebox_monitor_domain": MONITOR_DOMAIN,
            "letsencrypt_check_address": self.host.address,
        }

    def stop(self) -> None:
        """Stop what it talks to; the host goes on."""
        self._receivers.stop()
        self._authority.stop()

    def provoke(self, standby: hosts.Host, writer: Writer) -> None:
        """Make the faults that only a cluster has, and wait for their alerts and their ends.

        Args:
            standby: a host of the cluster whose PostgreSQL follows another's.
            writer: to the cluster.
        """
        with hasty(self.host), writer.writing("watched"):
            until(lambda: not firing(self.host) & {LAGGING, *REDUNDANCY}, SECONDS, "all are well")
            # What applies the WAL there stands still; it is received as ever.
            stop, go = (partial(standby.ssh, f"pkill -{s} -f {REPLAY}") for s in ("STOP", "CONT"))
            provoke(self.host, stop, go, [LAGGING], SECONDS)
            provoke(self.host, standby.kill, standby.boot, REDUNDANCY, SECONDS)
