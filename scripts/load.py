"""Constant load through the public name, every answer checked; prints one line of JSON.

Requests begin at their time whether those before have ended or not (an open loop), and a duration
counts from that time. Half are POSTs of new rows, half are GETs of rows acknowledged before, over
connections that are kept alive; nothing is tried twice. At the end all rows are read back. Streams
of live updates stay open meanwhile, and are opened again when they end, as a browser does. SIGTERM
ends it early, with its results. The accounts that it makes are deleted at its end.
"""

# Before anything imports sockets.
from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from contextlib import ExitStack  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
import urllib3  # noqa: E402
from gevent.pool import Group  # noqa: E402

from scripts.public import LIMITED, TOO_MANY, Account, Public, Refused, members  # noqa: E402
from scripts.story import story  # noqa: E402

HABITS = "/v1/habits"
# Kept alive; more are opened when more are needed at once.
CONNECTIONS = 64
# Streams of one account: below FIVEBOX_STREAMS_PER_USER.
STREAMS_EACH = 5
# A browser waits before it opens a stream again; all at once would be a load of its own.
RECONNECT_SECONDS = 2.0
RECONNECT_LIMIT_SECONDS = 20.0
OPEN_SECONDS = 60.0
# Of what one user may ask, kept for reading the rows back and deleting the account.
RESERVED = 20
SHOWN_FAULTS = 5


@dataclass
class Results:
    """What happened so far."""

    # Seconds since the epoch, milliseconds.
    samples: list[tuple[float, float]] = field(default_factory=list)
    # When those requests were due that failed.
    failures: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    written: dict[str, str] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)


class Load:
    """One account's load.

    Args:
        public: where the API is.
        account: whose requests these are.
    """

    def __init__(self, public: Public, account: Account) -> None:
        self.public = public
        self.account = account
        self.results = Results()
        self.ended = False

    def end(self) -> None:
        """Begin no further request."""
        self.ended = True

    def run(self, rate: float, seconds: float) -> None:
        """Send requests.

        Args:
            rate: requests a second.
            seconds: for how long.
        """
        begun = time.time()
        sent = Group()
        for number in range(int(rate * seconds)):
            if self.ended:
                break
            due = begun + number / rate
            gevent.sleep(max(0.0, due - time.time()))
            sent.spawn(self._once, number, due)
        sent.join()

    def _once(self, number: int, due: float) -> None:
        write = number % 2 == 0 or not self.results.written
        name = f"load {number}"
        row = f"load-{number}" if write else random.choice(list(self.results.written))  # noqa: S311
        try:
            if write:
                habit = {"id": row, "name": name, "start_date": "2026-01-01"}
                answer = self.public.ask("POST", HABITS, habit, self.account.token)
            else:
                path = f"{HABITS}/{row}"
                answer = self.public.ask("GET", path, None, self.account.token)
        except urllib3.exceptions.HTTPError as error:
            self._failed(due, row, write, f"{type(error).__name__}: {error}")
            return
        self.results.samples.append((due, 1000 * (time.time() - due)))
        self.results.kinds["POST" if write else "GET"] += 1
        left = int(answer.headers.get("RateLimit-Remaining", RESERVED))
        if left < RESERVED and not self.ended:
            self.end()
            most = answer.headers["RateLimit-Limit"]
            self.fault("limit", f"one user may ask {most} times: raise fivebox_rate_limit")
        expected = name if write else self.results.written[row]
        # A repeated write is answered with 200.
        if answer.status != (201 if write else 200) or members(answer).get("name") != expected:
            self._failed(due, row, write, f"{answer.status}: {answer.data[:200]!r}")
        elif write:
            self.results.written[row] = name

    def _failed(self, due: float, row: str, write: bool, text: str) -> None:
        self.fault("POST" if write else "GET", text)
        self.results.failures.append(due)
        if write:
            self.results.unsure.add(row)

    def check(self) -> None:
        """Read all rows back: each acknowledged one is there once, as it was written."""
        found: Counter[str] = Counter()
        path = f"{HABITS}?limit=100"
        while path:
            answer = self.public.ask("GET", path, None, self.account.token)
            if answer.status != 200:
                self.fault("rows", f"{answer.status}: {answer.data[:200]!r}")
                return
            page = answer.json()
            for habit in page["items"]:
                found[habit["id"]] += 1
                written = self.results.written.get(habit["id"])
                if written is None and habit["id"] not in self.results.unsure:
                    self.fault("row", f"{habit['id']} was never written")
                if written is not None and written != habit["name"]:
                    self.fault("row", f"{habit['id']} was written as {written}")
            path = page["next"] and f"{HABITS}?limit=100&after={page['next']}"
        for row in self.results.written:
            if found[row] != 1:
                self.fault("row", f"{row} is there {found[row]} times")

    def stay_logged_in(self, accounts: list[Account]) -> None:
        """Renew the tokens of accounts for ever."""
        while True:
            gevent.sleep(min(account.seconds for account in accounts) / 3)
            for account in accounts:
                try:
                    self.public.refresh(account)
                except (Refused, urllib3.exceptions.HTTPError) as error:
                    self.fault("tokens", str(error))

    def fault(self, what: str, text: str) -> None:
        """Note what went wrong.

        Args:
            what: kind of the thing, one word.
            text: what is wrong with it.
        """
        self.results.kinds["failed"] += 1
        self.results.faults.append(f"{time.strftime('%H:%M:%S', time.gmtime())} {what} {text}")


class Streams:
    """Open streams of live updates."""

    def __init__(self, public: Public, accounts: list[Account], count: int) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._public = public
        self._open = Group()
        for number in range(count):
            self._open.spawn(self._follow, accounts[number % len(accounts)])

    def await_open(self, count: int) -> None:
        """Wait until so many streams have been opened.

        Raises:
            OSError: they were not, in time.
        """
        with gevent.Timeout(OPEN_SECONDS, False):
            while self.counts["opened"] < count:
                gevent.sleep(0.1)
        if self.counts["opened"] < count:
            why = self.faults[-1] if self.faults else "no answer"
            raise OSError(f"{self.counts['opened']} of {count} streams were opened: {why}")

    def _follow(self, account: Account) -> None:
        away = time.monotonic()
        while True:
            try:
                answer = self._public.ask("GET", "/v1/events", None, account.token, stream=True)
                if answer.status == 200:
                    self.counts["opened"] += 1
                    for _ in answer.stream(1024):
                        away = time.monotonic()
                    self.counts["ended"] += 1
                else:
                    self._fault(f"{answer.status}: {answer.data[:200]!r}")
            except urllib3.exceptions.HTTPError as error:
                self._fault(f"{type(error).__name__}: {error}")
            if time.monotonic() - away > RECONNECT_LIMIT_SECONDS:
                self._fault(f"a stream was away for {time.monotonic() - away:.0f} s")
            gevent.sleep(random.uniform(0, RECONNECT_SECONDS))  # noqa: S311

    def _fault(self, text: str) -> None:
        self.counts["failed"] += 1
        self.faults.append(f"{time.strftime('%H:%M:%S', time.gmtime())} stream {text}")

    def close(self) -> None:
        """End all streams."""
        self._open.kill(block=False)


def percentile(values: list[float], share: float) -> float:
    """The value that a share of the values does not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def main() -> int:
    """Run; the exit status is 1 when anything failed, LIMITED when no account could be made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("domain")
    parser.add_argument("--address", default="", help="where to find it instead of by DNS")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--ca", default="", help="file of the authority to trust")
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--streams", type=int, default=0, help="streams of live updates")
    parser.add_argument("--story", action="store_true", help="go through a client's story first")
    parser.add_argument("--samples", type=Path, help="file for the time and milliseconds of each")
    given = parser.parse_args()
    load = streams = None
    try:
        with ExitStack() as stack:
            public = Public(given.domain, given.address, given.ca, CONNECTIONS, given.port)
            count = 1 + -(-given.streams // STREAMS_EACH)
            accounts = [stack.enter_context(public.account()) for _ in range(count)]
            followed = Public(given.domain, given.address, given.ca, given.streams or 1, given.port)
            streams = Streams(followed, accounts[1:], given.streams)
            stack.callback(streams.close)
            streams.await_open(given.streams)
            load = Load(public, accounts[0])
            renewal = gevent.spawn(load.stay_logged_in, accounts)
            stack.callback(renewal.kill)
            gevent.signal_handler(signal.SIGTERM, load.end)
            for fault in story(public, accounts[0].token) if given.story else ():
                load.fault("story", fault)
            print("begun", file=sys.stderr, flush=True)
            load.run(given.rate, given.seconds)
            streams.close()
            load.check()
    except (Refused, OSError, urllib3.exceptions.HTTPError) as error:
        if not load:
            limited = isinstance(error, Refused) and error.status == TOO_MANY
            unjudged = " is not judged under load" if limited else ""
            print(f"{given.domain}{unjudged}: {error}", file=sys.stderr)
            return LIMITED if limited else 1
        load.fault("end", str(error))
    results = load.results
    if given.samples:
        given.samples.write_text("".join(f"{due} {took:.1f}\n" for due, took in results.samples))
    durations = [took for _, took in results.samples]
    failures = results.failures or [0.0]
    print(
        json.dumps(
            {
                "requests": len(durations),
                "reads": results.kinds["GET"],
                "writes": results.kinds["POST"],
                "failed": results.kinds["failed"],
                "failing_seconds": round(max(failures) - min(failures), 1),
                "p50_ms": round(percentile(durations, 0.5), 1),
                "p95_ms": round(percentile(durations, 0.95), 1),
                "p99_ms": round(percentile(durations, 0.99), 1),
                "streams": given.streams,
                "streams_opened": streams.counts["opened"],
                "streams_ended": streams.counts["ended"],
                "streams_failed": streams.counts["failed"],
                "faults": (results.faults + streams.faults)[:SHOWN_FAULTS],
            }
        )
    )
    return 1 if results.faults or streams.faults else 0


if __name__ == "__main__":
    sys.exit(main())
