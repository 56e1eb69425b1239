"""What idle streams cost: `python -m tests.measure.streams`; docs/measurements has the figures."""

import argparse
import contextlib
import http.client
import json
import os
import platform
import resource
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO
from uuid import uuid4

import jwt
import psutil

from local.servers import EmbeddedServers

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 30
MIB = 1 << 20
LIMIT_MIB = 60
STREAMS_PER_USER = 10


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket, as nginx speaks it."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@contextlib.contextmanager
def gunicorn(
    path: Path, environment: dict[str, str], *words: str, output: IO[bytes] | None = None
) -> Iterator[psutil.Process]:
    """Run a gunicorn on a socket until the block ends; its log goes to `output`, or is shown."""
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "gunicorn"), *words],
        env={**environment, "BIND": f"unix:{path}"},
        cwd=ROOT,
        stdout=output,
        stderr=output,
    )
    try:
        wait_until_served(path)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_until_served(path: Path) -> None:
    """Wait until a socket answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = Connection(path)
        try:
            connection.request("GET", "/health/live")
            connection.getresponse().read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()


def open_stream(path: Path, token: str) -> socket.socket:
    """Open a stream and read it up to its first event."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(30)
    stream.connect(str(path))
    stream.sendall(
        b"GET /v1/events HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer %b\r\n"
        b"Accept: text/event-stream\r\nAccept-Language: de-AT,de;q=0.9,en;q=0.8\r\n"
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
        b"Origin: https://app.example.com\r\nX-Forwarded-For: 203.0.113.7\r\n"
        b"X-Forwarded-Proto: https\r\nX-Request-ID: %b\r\n\r\n"
        % (token.encode(), uuid4().hex.encode())
    )
    received = b""
    while b"event: resync" not in received:
        part = stream.recv(4096)
        if not part:
            raise RuntimeError(f"no stream: {received!r}")
        received += part
    return stream


def latencies(path: Path, token: str, requests: int) -> list[float]:
    """Milliseconds of each of so many requests of a page of habits, one after the other."""
    connection = Connection(path)
    headers = {"Authorization": f"Bearer {token}"}
    taken = []
    for _ in range(requests):
        begun = time.perf_counter()
        connection.request("GET", "/v1/habits?limit=20", headers=headers)
        answer = connection.getresponse()
        answer.read()
        taken.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"the API answered {answer.status}")
    connection.close()
    return taken


class Figures:
    """What requests of the API took, over all rounds, and what the processes spent meanwhile."""

    def __init__(self, api: psutil.Process, streams: psutil.Process) -> None:
        self.milliseconds: list[float] = []
        self.api_cpu = self.streams_cpu = self.seconds = 0.0
        self._workers = api.children()
        self._streams = streams

    def take(self, path: Path, token: str, requests: int) -> None:
        """Measure so many requests, after some that count for nothing."""
        latencies(path, token, requests // 4)
        before = (self._cpu(*self._workers), self._cpu(self._streams), time.monotonic())
        self.milliseconds += latencies(path, token, requests)
        self.api_cpu += self._cpu(*self._workers) - before[0]
        self.streams_cpu += self._cpu(self._streams) - before[1]
        self.seconds += time.monotonic() - before[2]

    def _cpu(self, *processes: psutil.Process) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)


def register(path: Path) -> str:
    """An account with 20 habits; its access token."""
    connection = Connection(path)

    def post(where: str, body: dict[str, str], **headers: str) -> dict:
        given = {"Content-Type": "application/json", **headers}
        connection.request("POST", where, json.dumps(body), given)
        return json.loads(connection.getresponse().read())

    body = {"email": "a@example.com", "password": "a long passphrase", "name": "Ada"}
    token = post("/v1/accounts/register", body)["tokens"]["access_token"]
    for number in range(20):
        habit = {"name": f"Habit {number}", "start_date": "2026-01-01"}
        post("/v1/habits", habit, Authorization=f"Bearer {token}")
    connection.close()
    return token


def main() -> int:
    """Measure and print; the exit status is 1 when the streams cost too much memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=500)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
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
    secret = secrets.token_hex(32)
    environment = {
        **os.environ,
        **servers.environment(),
        "FIVEBOX_ENVIRONMENT": "test",
        "FIVEBOX_JWT_SECRET": secret,
        "FIVEBOX_PASSWORD_PEPPER": secrets.token_hex(32),
        "FIVEBOX_METRICS_DIR": str(folder / "metrics"),
        "FIVEBOX_MAINTENANCE_FILE": str(folder / "maintenance"),
        "FIVEBOX_RATE_LIMITS_ENABLED": "false",
        "FIVEBOX_LOG_LEVEL": "ERROR",
        "FLASK_APP": "wsgi.py",
        "FIVEBOX_STREAMS_TOTAL": str(arguments.streams),
    }
    flask = str(Path(sys.executable).parent / "flask")
    subprocess.run(
        [flask, "db", "upgrade"], env=environment, cwd=ROOT, check=True, capture_output=True
    )
    api_path, events_path = folder / "api.sock", folder / "events.sock"
    events_words = ("-c", "gunicorn.events.conf.py", "wsgi_events:app")
    with (
        gunicorn(api_path, environment, "wsgi:app") as api,
        gunicorn(events_path, environment, *events_words) as master,
    ):
        token = register(api_path)
        (worker,) = master.children()
        claims = {
            "iss": "http://127.0.0.1:8000",
            "aud": "fivebox-api",
            "type": "access",
            "exp": int(time.time()) + 3600,
        }

        def new_token(number: int) -> str:
            user = str(number // STREAMS_PER_USER).zfill(32)
            return jwt.encode({**claims, "sub": user, "sid": str(uuid4())}, secret, "HS256")

        tokens = [new_token(number) for number in range(arguments.streams)]
        # What the first stream loads once is not its own.
        open_stream(events_path, tokens[0]).close()
        before = worker.memory_info().rss
        master_before = master.memory_full_info().pss
        idle, loaded = Figures(api, worker), Figures(api, worker)
        opened_seconds = 0.0
        after = before
        for _ in range(arguments.rounds):
            idle.take(api_path, token, arguments.requests)
            begun = time.monotonic()
            streams = [open_stream(events_path, each) for each in tokens]
            opened_seconds = time.monotonic() - begun
            loaded.take(api_path, token, arguments.requests)
            after = max(after, worker.memory_info().rss)
            for stream in streams:
                stream.close()
            wait_until_closed(worker)
        pss = worker.memory_full_info().pss
        grown = (after - before) / MIB
        print(report(arguments, grown, before, after, pss + master_before, opened_seconds))
        print(table(idle, loaded))
    return int(grown > LIMIT_MIB)


def wait_until_closed(worker: psutil.Process) -> None:
    """Wait until the process has noticed that its streams are gone."""
    deadline = time.monotonic() + START_SECONDS
    while worker.num_fds() > 50:
        if time.monotonic() > deadline:
            raise RuntimeError("streams stay open")
        time.sleep(0.1)


def report(
    arguments: argparse.Namespace,
    grown: float,
    before: int,
    after: int,
    both: int,
    opened_seconds: float,
) -> str:
    """The figures of memory."""
    per_stream = grown * 1024 / arguments.streams
    return f"""# Idle streams

`python -m tests.measure.streams --streams {arguments.streams} --rounds {arguments.rounds} \
--requests {arguments.requests}`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, \
Python {platform.python_version()}, gevent {version("gevent")}, gunicorn {version("gunicorn")}; one
process of the streams and two workers of the API on unix sockets, one machine.

| memory | |
|---|---|
| resident, process of the streams, no stream | {before / MIB:.1f} MiB |
| resident, with {arguments.streams} idle streams | {after / MIB:.1f} MiB |
| growth | {grown:.1f} MiB, {per_stream:.1f} KiB a stream (limit: {LIMIT_MIB} MiB) |
| both processes of that gunicorn, proportional share, streams closed | {both / MIB:.1f} MiB |
| time to open all, one after the other | {opened_seconds:.1f} s |
"""


def table(idle: Figures, loaded: Figures) -> str:
    """The figures of the API."""
    rows: list[tuple[str, Callable[[Figures], float]]] = [
        ("median", lambda each: statistics.median(each.milliseconds)),
        ("p95", lambda each: statistics.quantiles(each.milliseconds, n=20)[18]),
        ("CPU of the API", lambda each: 1000 * each.api_cpu / len(each.milliseconds)),
    ]
    lines = [
        f"| {name} | {of(idle):.2f} ms | {of(loaded):.2f} ms | {of(loaded) / of(idle):.3f} |"
        for name, of in rows
    ]
    head = "| a page of 20 habits | no streams | all streams open | ratio |\n|---|---|---|---|\n"
    share = 100 * loaded.streams_cpu / loaded.seconds
    return f"""{head}{chr(10).join(lines)}

The two columns alternate in rounds, so that both see the same machine. The process of the streams
took {share:.1f} % of a CPU meanwhile. With `--streams 1` the ratios show what the machine adds."""


if __name__ == "__main__":
    sys.exit(main())
