"""`fivebox watch`: see that the release which serves this host does so well enough."""

import argparse
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

from ask import UnixConnection, get, to_nginx
from slot import active, children, main_processes

API = Path("/run/fivebox/api.sock")
METRICS = "/internal/metrics"
# What had been counted when the watch began, for its next turns.
BEGUN = Path("/run/fivebox/watch.json")
# Fewer requests say little about percentages.
ENOUGH = 50
# Probes that may fail one after another.
FAILURES = 2
PAUSE_SECONDS = 1
SAMPLE = re.compile(r"^(http_requests_total|http_request_duration_seconds_bucket)\{(.*)\} (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Sums:
    """What the API has counted so far: requests, those that failed, and those within each bound."""

    def __init__(self, text=""):
        self.requests = self.failed = 0.0
        self.within = Counter()
        for line in text.splitlines():
            match = SAMPLE.match(line)
            if not match:
                continue
            labels = dict(LABEL.findall(match[2]))
            if labels["route"].startswith(("/health", "/internal")):
                continue
            if match[1] == "http_requests_total":
                self.requests += float(match[3])
                self.failed += float(match[3]) * labels["status"].startswith("5")
            else:
                self.within[float(labels["le"])] += float(match[3])

    def keep(self):
        """Note them as what the next turns of this watch begin with."""
        kept = [self.requests, self.failed, list(self.within.items())]
        BEGUN.write_text(json.dumps(kept))

    @classmethod
    def kept(cls):
        """Those that the watch began with; None when it has not begun."""
        try:
            requests, failed, within = json.loads(BEGUN.read_text())
        except (OSError, ValueError):
            return None
        sums = cls()
        sums.requests, sums.failed, sums.within = requests, failed, Counter(dict(within))
        return sums

    def since(self, before):
        """Requests, per cent of them that failed, and the bound of their 95th percentile in ms."""
        requests = self.requests - before.requests
        if not requests:
            return 0, 0.0, 0.0
        failed = 100 * (self.failed - before.failed) / requests
        bounds = [(bound, n - before.within[bound]) for bound, n in sorted(self.within.items())]
        p95 = next((bound for bound, n in bounds if n >= 0.95 * bounds[-1][1]), 0.0)
        return int(requests), failed, 1000 * p95


def sums():
    """The sums now; None when the API does not answer."""
    status, text = get(UnixConnection(API), METRICS)
    return Sums(text) if status == 200 else None


def processes():
    """The API's processes: those of systemd, and the workers that they started."""
    mains = main_processes(active())
    return {*mains, *(worker for main in mains for worker in children(main))}


def main():
    """Watch; ends with a line as soon as a threshold is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--error-percent", type=float, required=True)
    parser.add_argument("--p95-ms", type=float, required=True)
    parser.add_argument("--again", action="store_true", help="another turn of the watch before")
    parser.add_argument("nginx", nargs="?", help="URL that nginx serves on this host")
    given = parser.parse_args()
    begun, failures, serving = time.monotonic(), 0, processes()
    requests, failed, p95 = 0, 0.0, 0.0
    before = Sums.kept() if given.again else None
    if before is None and (before := sums()):
        before.keep()
    while time.monotonic() - begun < given.seconds:
        time.sleep(PAUSE_SECONDS)
        asked = to_nginx(given.nginx) if given.nginx else UnixConnection(API)
        now = sums()
        healthy = now is not None and get(asked, "/health")[0] == 200
        failures = 0 if healthy else failures + 1
        if failures > FAILURES:
            sys.exit(f"fivebox watch: no healthy answer, {failures} times in a row")
        # nginx answers 502 for the requests of one that dies; nobody is left to count them.
        if processes() != serving:
            sys.exit("fivebox watch: processes of the API ended by themselves; see its journal")
        before = before or now
        if now is None:
            continue
        requests, failed, p95 = now.since(before)
        if requests >= ENOUGH and failed > given.error_percent:
            sys.exit(f"fivebox watch: {failed:.1f} % of {requests} requests failed")
        if requests >= ENOUGH and p95 > given.p95_ms:
            sys.exit(f"fivebox watch: p95 of {requests} requests is {p95:.0f} ms or more")
    print(json.dumps({"requests": requests, "failed_percent": round(failed, 2), "p95_ms": p95}))


if __name__ == "__main__":
    main()
