"""What metrics, logs and request ids cost: `python -m tests.measure.overhead`."""

import argparse
import os
import platform
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from local.servers import EmbeddedServers
from tests.measure.streams import ROOT, gunicorn, register

LIMIT = 0.05
CONNECTIONS = 8


class Load(NamedTuple):
    """What a server did in a while.

    Attributes:
        rate: requests a second.
        cpu: CPU time of the server for each, in ms; unlike the rate it hardly depends on what else
            the machine does.
    """

    rate: float
    cpu: float


def load(server: psutil.Process, port: int, token: str, seconds: int) -> Load:
    """Ask a server for a page of 20 habits, as often as it can answer.

    Args:
        server: the gunicorn.
        port: of the server on loopback.
        token: of a user with habits.
        seconds: how long to ask.

    Raises:
        RuntimeError: an answer was no page.
    """

    def spent() -> float:
        times = [worker.cpu_times() for worker in server.children()]
        return sum(one.user + one.system for one in times)

    before = spent()
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), f"-d{seconds}s"]
    url = f"http://127.0.0.1:{port}/v1/habits?limit=20"
    output = subprocess.run(
        [*command, "--header", f"Authorization: Bearer {token}", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"(\d+) requests in .*Requests/sec: +([0-9.]+)", output, re.S)
    if "Non-2xx" in output or "Socket errors" in output or not found:
        raise RuntimeError(output)
    return Load(float(found[2]), 1000 * (spent() - before) / int(found[1]))


def main() -> int:
    """Measure and print; the exit status is 1 when the overhead is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=3, help="of each of a round's four turns")
    parser.add_argument("--port", type=int, default=8790, help="the first of two")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fivebox-measure-") as name:
        folder = Path(name)
        servers = EmbeddedServers(folder / "servers")
        servers.start()
        try:
            return measure(servers, folder, arguments)
        finally:
            servers.stop()


def measure(servers: EmbeddedServers, folder: Path, arguments: argparse.Namespace) -> int:
    """Measure on running servers."""
    environment = {
        **os.environ,
        **servers.environment(),
        "FIVEBOX_ENVIRONMENT": "test",
        "FIVEBOX_JWT_SECRET": secrets.token_hex(32),
        "FIVEBOX_PASSWORD_PEPPER": secrets.token_hex(32),
        "FIVEBOX_MAINTENANCE_FILE": str(folder / "maintenance"),
        "FIVEBOX_RATE_LIMITS_ENABLED": "false",
        "FIVEBOX_LOG_LEVEL": "INFO",
        "FLASK_APP": "wsgi.py",
        "WORKERS": "1",
    }
    flask = str(Path(sys.executable).parent / "flask")
    subprocess.run(
        [flask, "db", "upgrade"], env=environment, cwd=ROOT, check=True, capture_output=True
    )
    ports = {"wsgi:app": arguments.port, "tests.measure.bare:app": arguments.port + 1}
    sockets = {app: folder / f"{port}.sock" for app, port in ports.items()}
    measured = {**environment, "FIVEBOX_METRICS_DIR": str(folder / "metrics")}

    def words(app: str) -> tuple[str, ...]:
        return ("-b", f"unix:{sockets[app]}", "-b", f"127.0.0.1:{ports[app]}", app)

    full, bare = ports
    token = ""
    loads: dict[str, list[Load]] = {app: [] for app in ports}
    with (folder / "log").open("wb") as log:
        for _ in range(arguments.rounds):
            # Two starts of one program differ by up to a tenth, so each round starts both anew.
            with (
                gunicorn(sockets[full], measured, *words(full), output=log) as watched,
                gunicorn(sockets[bare], environment, *words(bare), output=log) as unwatched,
            ):
                servers_of = {full: watched, bare: unwatched}
                token = token or register(sockets[full])
                # Each is first as often as the other.
                turns = (full, bare, bare, full)
                for app in turns:
                    load(servers_of[app], ports[app], token, 1)
                for app in turns:
                    done = load(servers_of[app], ports[app], token, arguments.seconds)
                    loads[app].append(done)
    logged = (folder / "log").read_text().count('"event":"request"')
    print(report(arguments, loads[full], loads[bare], logged))
    return int(statistics.median(fewer(loads[full], loads[bare])) > LIMIT)


def fewer(full: list[Load], bare: list[Load]) -> list[float]:
    """The share by which less is answered, of each round."""
    # Each has two turns in a round.
    turns = [zip(loads[::2], loads[1::2], strict=True) for loads in (full, bare)]
    rates = [[a.rate + b.rate for a, b in pairs] for pairs in turns]
    return [1 - with_it / without for with_it, without in zip(*rates, strict=True)]


def report(
    arguments: argparse.Namespace,
    full: list[Load],
    bare: list[Load],
    logged: int,
) -> str:
    """The figures as a page."""

    def row(loads: list[Load]) -> str:
        rate, cpu = (statistics.median(values) for values in zip(*loads, strict=True))
        return f"{rate:.0f} | {cpu:.3f}"

    less = fewer(full, bare)
    low, _, high = statistics.quantiles(less, n=4)
    more = 1 - 1 / statistics.median(a.cpu / b.cpu for a, b in zip(full, bare, strict=True))
    return f"""# What watching costs

`python -m tests.measure.overhead --rounds {arguments.rounds} --seconds {arguments.seconds}`, \
{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, Python {platform.python_version()}; one worker
with 8 threads, {CONNECTIONS} connections, pages of 20 habits. Each round starts both anew and lets
them take turns, so that both see the same machine; {logged} requests were logged.

| | requests a second | CPU of the API for each, ms |
|---|---|---|
| with metrics, a log line and an id for each request | {row(full)} |
| without | {row(bare)} |
| overhead, median of the rounds | {100 * statistics.median(less):.1f} % (at most \
{100 * LIMIT:.0f} %) | {100 * more:.1f} % |

In half of the rounds it was between {100 * low:.1f} and {100 * high:.1f} %; two starts of one
program differ by as much. The log went to a file."""


if __name__ == "__main__":
    sys.exit(main())
