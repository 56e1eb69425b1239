"""Serve the API on this machine: embedded servers, migrations, example data, gunicorn."""

import argparse
import errno
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from app.products import all_products
from local import state
from local.servers import WITH_LAUNCHER, EmbeddedServers, ServerError

ROOT = Path(__file__).resolve().parent.parent
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - only when the user asks for it
# Nobody's (RFC 5737); a route to it tells this machine's own address.
ELSEWHERE = ("192.0.2.1", 9)
START_SECONDS = 30
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(Exception):
    """The user asked for the end."""


@dataclass(frozen=True)
class Place:
    """Where the API listens; live updates are on the next port."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """How clients reach the API."""
        return f"http://{self.address}:{self.port}"

    @property
    def events_url(self) -> str:
        """How clients reach live updates."""
        return f"http://{self.address}:{self.port + 1}"

    @property
    def address(self) -> str:
        """The address that clients use."""
        if self.host != EVERY_ADDRESS:
            return self.host
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                # Sends nothing: it chooses the address that others would see.
                probe.connect(ELSEWHERE)
            except OSError:
                return "127.0.0.1"
            address: str = probe.getsockname()[0]
            return address


def main() -> None:
    """Run until Ctrl-C; whatever happens, the servers are stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="8000")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local")
    arguments = parser.parse_args()
    place = Place(arguments.host, _port(arguments.port))
    for port in (place.port, place.port + 1):
        _refuse_taken_port(place.host, port)
    try:
        lock = state.lock(arguments.folder)
    except state.RunningAlready:
        sys.exit(f"It is running already, on the data in {arguments.folder}")
    for number in ENDING:
        signal.signal(number, _end)
    servers = EmbeddedServers(arguments.folder)
    try:
        servers.start()
        _serve(servers, arguments.folder, place)
    except Ended:
        print("\nStopping ...")
    except ServerError as error:
        sys.exit(str(error))
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        state.forget_environment(arguments.folder)
        servers.stop()
        lock.close()


def _port(text: str) -> int:
    # The next one is for live updates.
    if text.isascii() and text.isdigit() and 0 < int(text) < 65535:
        return int(text)
    sys.exit(f"PORT must be a number from 1 to 65534, not {text!r}; try: make run PORT=8100")


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Ended


def _serve(servers: EmbeddedServers, folder: Path, place: Place) -> None:
    fixed = _settings(servers, folder, place)
    environment = {**_defaults(), **os.environ, **fixed, "FLASK_APP": "wsgi.py"}
    for command in (["db", "upgrade"], ["seed"]):
        done = subprocess.run(
            [*_module("flask"), *command], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            raise ServerError(done.stderr.strip() or done.stdout.strip())
    accounts = _example_accounts(folder / "demo", done.stdout)
    state.keep_environment(folder, environment)
    bind, bind_events = (f"{place.host}:{port}" for port in (place.port, place.port + 1))
    programs = [
        _gunicorn(environment, bind, "wsgi:app"),
        _gunicorn(environment, bind_events, "-c", "gunicorn.events.conf.py", "wsgi_events:app"),
    ]
    try:
        for number, program in enumerate(programs):
            _wait_until_served(program, f"{place.address}:{place.port + number}")
        print(_welcome(place, accounts), flush=True)
        while all(program.poll() is None for program in programs):
            time.sleep(0.2)
        raise ServerError("gunicorn ended; the lines above say why")
    finally:
        for program in programs:
            program.terminate()
        for program in programs:
            program.wait()


def _gunicorn(environment: dict[str, str], bind: str, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*WITH_LAUNCHER, *_module("gunicorn"), *words],
        env={**environment, "BIND": bind},
        cwd=ROOT,
        start_new_session=True,
    )


def _defaults() -> dict[str, str]:
    """What the environment may say otherwise."""
    return {
        # A web app in development is on some port of localhost, or on another machine.
        "FIVEBOX_CORS_ORIGINS": "*",
        "FIVEBOX_PRODUCTS": ",".join(all_products()),
        "FIVEBOX_LOG_LEVEL": "WARNING",
        # Who tries things out by hand is not to be stopped after a hundred requests.
        "FIVEBOX_RATE_LIMIT_DEFAULT": "10000 per 15 minutes",
        "FIVEBOX_RATE_LIMIT_SYNC": "10000 per 15 minutes",
        "FIVEBOX_RATE_LIMIT_LOGIN": "100 per 15 minutes",
    }


def _settings(servers: EmbeddedServers, folder: Path, place: Place) -> dict[str, str]:
    metrics = folder / "metrics"
    return {
        **servers.environment(),
        "FIVEBOX_ENVIRONMENT": "development",
        "FIVEBOX_PUBLIC_URL": place.url,
        "FIVEBOX_EVENTS_URL": place.events_url,
        "FIVEBOX_JWT_SECRET": _secret(folder / "jwt_secret"),
        "FIVEBOX_PASSWORD_PEPPER": _secret(folder / "password_pepper"),
        "FIVEBOX_MAINTENANCE_FILE": str(folder / "maintenance"),
        "FIVEBOX_METRICS_DIR": str(metrics),
        "FIVEBOX_FILES_DIR": str(folder / "files"),
    }


def _example_accounts(path: Path, told: str) -> str:
    """How to log in to the example accounts, as the start that made each told it."""
    known = path.read_text().splitlines() if path.exists() else []
    known += [line for line in told.splitlines() if " with the password " in line]
    path.touch(mode=0o600)
    path.write_text("\n".join(known))
    return "\n".join(known)


def _secret(path: Path) -> str:
    """A secret that stays the same from start to start, readable by this user only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


def _module(name: str) -> list[str]:
    # Not the program beside Python: it knows where it was installed, and the folder may have moved.
    return [sys.executable, "-m", name]


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                sys.exit(f"HOST={host} is no address of this machine; try: make run HOST=0.0.0.0")
            sys.exit(f"Port {port} cannot be used ({error.strerror}); try: make run PORT=8100")


def _wait_until_served(api: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while api.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://{address}/health/live", timeout=2).close()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise ServerError("The API does not start; the lines above say why")


def _welcome(place: Place, accounts: str) -> str:
    url = place.url
    body = '{"email": "you@example.com", "password": "a long passphrase", "name": "You"}'
    return f"""
Fivebox serves {url}, documented at {url}/docs
Live updates are at {place.events_url}/v1/events
{accounts}

Try it:
  curl -X POST {url}/v1/accounts/register -H 'Content-Type: application/json' -d '{body}'

Commands, from another terminal: make flask ARGS="content seed"; the mails of accounts appear here.
Ctrl-C stops it; its data stays in .local/ ("make clean" removes it).
"""


if __name__ == "__main__":
    main()
