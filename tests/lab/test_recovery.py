"""What happens when something dies."""

import time
from collections.abc import Callable

import pytest

from tests.lab.conftest import Api
from tests.lab.figures import record
from tests.lab.hosts import Host

SECONDS = 5
UNITS = {
    "fivebox-api@blue": "/health",
    "nginx": "/health",
    "redis-server": "/health",
    "postgresql@*-main": "/v1/habits",
    "prometheus-node-exporter": "",
}


def _until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait for a condition; returns the seconds it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - begun


def _served(api: Api, path: str, token: str) -> bool:
    try:
        return api.ask("GET", path, None, token).status == 200
    except ConnectionError:
        return False


@pytest.mark.parametrize("unit", UNITS)
def test_a_killed_service_is_back_and_nothing_acknowledged_is_lost(
    host: Host, api: Api, token: str, unit: str
) -> None:
    key = "".join(letter for letter in unit if letter.isalnum())
    habit = {"id": f"kill-{key}", "name": unit, "start_date": "2026-01-01"}
    assert api.ask("POST", "/v1/habits", habit, token).status == 201
    before = _main_process(host, unit)
    host.ssh(f"kill -9 {before}")

    def back() -> bool:
        return _main_process(host, unit) not in ("0", before) and _all_up(host)

    took = _until(back, SECONDS)
    if UNITS[unit]:
        took += _until(lambda: _served(api, UNITS[unit], token), SECONDS - took)
    record(f"{unit} back after kill -9", took, "s", SECONDS)
    found = api.ask("GET", f"/v1/habits/{habit['id']}", None, token)
    assert found.json()["name"] == unit


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
    begun = time.monotonic()
    restart(host)
    _until(lambda: _served(api, "/health", ""), 60)
    record(f"API answers after a {restart.__name__.strip('_')}", time.monotonic() - begun, "s")
    assert api.ask("GET", "/v1/habits", None, token).status == 200
    _until(lambda: _all_up(host), 20)
