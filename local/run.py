"""Serve the API on this machine: embedded servers, migrations, example data, gunicorn."""

import argparse
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from app.products import all_products
from local.servers import WITH_LAUNCHER, EmbeddedServers, ServerError

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
START_SECONDS = 30
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(Exception):
    """The user asked for the end."""


def main() -> None:
    """Run until Ctrl-C; whatever happens, the servers are stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, choices=range(1, 65535), metavar="PORT", default=8000)
    parser.add_argument("--folder", type=Path, default=ROOT / ".local")
    arguments = parser.parse_args()
    for port in (arguments.port, arguments.port + 1):
        _refuse_taken_port(port)
    lock = _lock(arguments.folder)
    for number in ENDING:
        signal.signal(number, _end)
    servers = EmbeddedServers(arguments.folder)
    try:
        servers.start()
        _serve(servers, arguments.folder, arguments.port)
    except Ended:
        print("\nStopping ...")
    except ServerError as error:
        sys.exit(str(error))
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        servers.stop()
        lock.close()


def _lock(folder: Path) -> IO[str]:
    """Keep a second start off the same data; the lock goes with the process."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"It is running already, on the data in {folder}")
    return lock


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Ended


def _serve(servers: EmbeddedServers, folder: Path, port: int) -> None:
    environment = {**os.environ, **_settings(servers, folder, port), "FLASK_APP": "wsgi.py"}
    for command in (["db", "upgrade"], ["seed"]):
        done = subprocess.run(
            [*_module("flask"), *command], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            raise ServerError(done.stderr.strip() or done.stdout.strip())
    seeded = _demo(folder / "demo", done.stdout.strip().rpartition("\n")[2])
    programs = [
        _gunicorn(environment, port, "wsgi:app"),
        _gunicorn(environment, port + 1, "-c", "gunicorn.events.conf.py", "wsgi_events:app"),
    ]
    try:
        for number, program in enumerate(programs):
            _wait_until_served(program, port + number)
        print(_welcome(port, seeded), flush=True)
        while all(program.poll() is None for program in programs):
            time.sleep(0.2)
        raise ServerError("gunicorn ended; the lines above say why")
    finally:
        for program in programs:
            program.terminate()
        for program in programs:
            program.wait()


def _gunicorn(environment: dict[str, str], port: int, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*WITH_LAUNCHER, *_module("gunicorn"), *words],
        env={**environment, "BIND": f"{HOST}:{port}"},
        cwd=ROOT,
        start_new_session=True,
    )


def _settings(servers: EmbeddedServers, folder: Path, port: int) -> dict[str, str]:
    metrics = folder / "metrics"
    return {
        **servers.environment(),
        "FIVEBOX_ENVIRONMENT": "development",
        "FIVEBOX_PUBLIC_URL": f"http://{HOST}:{port}",
        "FIVEBOX_EVENTS_URL": f"http://{HOST}:{port + 1}",
        "FIVEBOX_JWT_SECRET": _secret(folder / "jwt_secret"),
        "FIVEBOX_PASSWORD_PEPPER": _secret(folder / "password_pepper"),
        "FIVEBOX_MAINTENANCE_FILE": str(folder / "maintenance"),
        "FIVEBOX_METRICS_DIR": str(metrics),
        "FIVEBOX_FILES_DIR": str(folder / "files"),
        "FIVEBOX_PRODUCTS": os.environ.get("FIVEBOX_PRODUCTS", ",".join(all_products())),
        "FIVEBOX_LOG_LEVEL": os.environ.get("FIVEBOX_LOG_LEVEL", "WARNING"),
        # Who tries things out by hand is not to be stopped after a hundred requests.
        "FIVEBOX_RATE_LIMIT_DEFAULT": "10000 per 15 minutes",
        "FIVEBOX_RATE_LIMIT_LOGIN": "100 per 15 minutes",
    }


def _demo(path: Path, seeded: str) -> str:
    """How to log in to the example account, as the first start told it."""
    if "password" in seeded:
        path.touch(mode=0o600)
        path.write_text(seeded)
    return path.read_text() if path.exists() else seeded


def _secret(path: Path) -> str:
    """A secret that stays the same from start to start, readable by this user only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


def _module(name: str) -> list[str]:
    # Not the program beside Python: it knows where it was installed, and the folder may have moved.
    return [sys.executable, "-m", name]


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            sys.exit(f"Port {port} cannot be used ({error.strerror}); try: make run PORT=8100")


def _wait_until_served(api: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while api.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/health/live", timeout=2).close()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise ServerError("The API does not start; the lines above say why")


def _welcome(port: int, seeded: str) -> str:
    url = f"http://{HOST}:{port}"
    body = '{"email": "you@example.com", "password": "a long passphrase", "name": "You"}'
    return f"""
Fivebox serves {url}, documented at {url}/docs
Live updates are at http://{HOST}:{port + 1}/v1/events
{seeded}

Try it:
  curl -X POST {url}/v1/accounts/register -H 'Content-Type: application/json' -d '{body}'

Ctrl-C stops it; its data stays in .local/ ("make clean" removes it).
"""


if __name__ == "__main__":
    main()
