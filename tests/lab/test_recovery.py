"""What happens when something dies."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.lab.conftest import Api
from tests.lab.figures import record
from tests.lab.hosts import Host
from tests.lab.waiting import until

SECONDS = 5
UNITS = {
    "fivebox-api@blue": "/health",
    "fivebox-events@blue": "",
    "nginx": "/health",
    "redis-server": "/health",
    "postgresql@*-main": "/v1/habits",
    "prometheus-node-exporter": "",
}


def _served(api: Api, path: str, token: str) -> bool:
    try:
        return api.ask("GET", path, None, token).status == 200
    except ConnectionError:
        return False


@pytest.mark.parametrize("unit", UNITS)
def test_a_killed_service_is_back_and_nothing_acknowledged_is_lost(
    host: Host, api: Api, token: str, unit: str
) -> None:
    before = _main_process(host, unit)
    with _writing(api, token, "".join(letter for letter in unit if letter.isalnum())) as written:
        until(lambda: len(written) > 5, 10)
        host.ssh(f"kill -9 {before}")
        count = len(written)
        until(lambda: len(written) > count + 5, 20)

    def back() -> bool:
        return _main_process(host, unit) not in ("0", before) and _all_up(host)

    took = until(back, SECONDS)
    if UNITS[unit]:
        took += until(lambda: _served(api, UNITS[unit], token), SECONDS - took)
    record(f"{unit} back after kill -9", took, "s", SECONDS)
    assert _kept(api, token) >= set(written)


@contextmanager
def _writing(api: Api, token: str, prefix: str) -> Iterator[list[str]]:
    """Write without a pause meanwhile; yields the ids that the API has acknowledged so far."""
    written: list[str] = []
    ended = threading.Event()

    def write() -> None:
        for number in itertools.count():
            habit = {"id": f"{prefix}-{number}", "name": "kill", "start_date": "2026-01-01"}
            if ended.is_set():
                return
            with suppress(ConnectionError):
                if api.ask("POST", "/v1/habits", habit, token).status == 201:
                    written.append(habit["id"])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()


def _kept(api: Api, token: str) -> set[str]:
    kept: set[str] = set()
    path = "/v1/habits?limit=100"
    while path:
        page = api.ask("GET", path, None, token).json()
        kept |= {habit["id"] for habit in page["items"]}
        path = page["next"] and f"/v1/habits?limit=100&after={page['next']}"
    return kept


def test_an_acknowledged_write_is_on_the_disk(host: Host) -> None:
    ask = "runuser -u postgres -- psql -Atc"
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert host.ssh(f"{ask} 'SHOW {setting}'").stdout == "on\n", setting


def _main_process(host: Host, unit: str) -> str:
    # A pattern matches only units that are loaded; a unit that restarts is.
    command = f"systemctl show -P MainPID $(systemctl list-units --plain --all -q '{unit}*' "
    return host.ssh(command + "| awk '{ print $1 }')").stdout.strip()


def _all_up(host: Host) -> bool:
    units = " ".join(f"'{unit}*'" for unit in UNITS)
    listed = host.ssh(f"systemctl list-units --plain --all -q {units}").stdout.splitlines()
    running = [line for line in listed if line.split()[2] == "active"]
    return len(running) == len(listed) >= len(UNITS)


def _lose_power(host: Host) -> None:
    host.kill()
    host.boot()


@pytest.mark.parametrize("restart", [Host.reboot, _lose_power], ids=["reboot", "power cut"])
def test_after_a_restart_everything_is_back_by_itself(
    host: Host, api: Api, token: str, restart: Callable[[Host], None]
) -> None:
    before = _kept(api, token)
    begun = time.monotonic()
    restart(host)
    until(lambda: _served(api, "/health", ""), 60)
    record(f"API answers after a {restart.__name__.strip('_')}", time.monotonic() - begun, "s")
    assert _kept(api, token) == before
    until(lambda: _all_up(host), 20)
