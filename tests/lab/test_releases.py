"""Releases under load: none loses a request, and a bad one is gone again by itself."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.lab import releases
from tests.lab.cgroups import Cgroup
from tests.lab.conftest import Api
from tests.lab.figures import record
from tests.lab.hosts import Host
from tests.lab.load import load
from tests.lab.playbooks import Operator, Play
from tests.lab.waiting import until

# `make lab-releases` asks for more, and provokes all faults; only there is the machine quiet enough
# for times.
ROUNDS = int(os.environ.get("LAB_RELEASES", "1"))
LONG = ROUNDS > 1
RATE = 100 if LONG else 30
STREAMS = 200 if LONG else 40
QUIET_SECONDS = 10 if LONG else 2
DEPLOY_SECONDS = 45
ROLLBACK_SECONDS = 10
MEMORY_MB = 1024
SLOT = "/usr/local/sbin/fivebox slot show"
RECOVERY = "fivebox-recover.service"
in_full = pytest.mark.skipif(not LONG, reason="make lab-releases")


@pytest.fixture(scope="module")
def operator(host: Host) -> Operator:
    return Operator.find(host)


def _state(host: Host) -> dict[str, str]:
    state: dict[str, str] = json.loads(host.ssh(SLOT).stdout)
    return state


def _process(host: Host) -> str:
    """Main process of the API that serves."""
    unit = f"fivebox-api@{_state(host)['slot']}"
    return host.ssh(f"systemctl show --property=MainPID --value {unit}").stdout


@contextmanager
def _memory(host: Host) -> Iterator[list[float]]:
    """Look meanwhile at the memory in use, in MiB."""
    used: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            used.append(Cgroup(host.name).used_mb())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield used
    finally:
        ended.set()
        thread.join()


def _deploy(operator: Operator, archive: Path, *options: str) -> Play:
    played = operator.play("deploy", "-e", f"fivebox_release={archive}", *options)
    assert not played.told
    return played


def _lock(host: Host) -> str:
    return host.ssh("/usr/local/sbin/fivebox lock show").stdout.strip()


def test_deploys_and_rollbacks_lose_no_request(
    host: Host, api: Api, operator: Operator, tmp_path: Path
) -> None:
    archives = [releases.build(f"0.1.0+lab{n}") for n in range(ROUNDS)]
    moves: list[tuple[str, float, float]] = []
    served = _process(host)
    quick = list(_moves(host, api, operator, archives[:1])) if LONG else []
    with load(api, tmp_path, RATE, STREAMS) as result, _memory(host) as used:
        quiet = time.time(), time.time() + QUIET_SECONDS
        time.sleep(QUIET_SECONDS)
        looked = releases.before(operator)
        moves += _moves(host, api, operator, archives)
    assert result.failed == 0, result.figures
    assert result.figures["writes"] > RATE * QUIET_SECONDS / 4
    assert result.figures["streams_ended"] == 2 * ROUNDS * STREAMS
    assert _lock(host) == "free"
    # It stood by during each deploy.
    assert _process(host) == served
    usual = result.p99(*quiet)
    slowest = max(releases.p99_around(result, at) for _, _, at in moves)
    record(f"releases, {ROUNDS} and {ROUNDS} rollbacks: requests", len(result.samples), "")
    record("of them failed, lost or doubled", result.failed, "", 0)
    record("p99 before", usual, "ms")
    record("p99 while status.yml runs", result.p99(*looked), "ms")
    limit_ms = releases.SLOWER * usual if LONG else None
    record("p99 around a cutover, the slowest", slowest, "ms", limit_ms)
    for verb, limit in (("deploy", DEPLOY_SECONDS), ("rollback", ROLLBACK_SECONDS)):
        took = _slowest(verb, moves)
        if LONG:
            alone = _slowest(verb, quick)
            record(f"{verb} until served, without load", alone, "s", limit)
            assert alone <= limit
        # A deploy yields to the requests, so it takes as long as they let it.
        within = limit if LONG and verb == "rollback" else None
        record(f"{verb} until served under load, the slowest", took, "s", within)
        assert within is None or took <= within
    assert limit_ms is None or slowest <= limit_ms
    record("memory in use, the most", max(used), "MiB", MEMORY_MB)
    assert 100 < max(used) < MEMORY_MB
    assert Cgroup(host.name).killed() == 0


def _moves(
    host: Host, api: Api, operator: Operator, archives: list[Path]
) -> Iterator[tuple[str, float, float]]:
    """Deploy and roll back; after each its name, when it began, and when the traffic moved."""
    before = _state(host)["release"]
    for verb, expected, started in releases.deploys_and_rollbacks(operator, archives, before):
        assert _state(host)["release"] == expected
        assert api.ask("GET", "/health").json()["version"] == expected
        yield verb, started, releases.moved(host)


def _slowest(verb: str, moves: list[tuple[str, float, float]]) -> float:
    return max(at - started for name, started, at in moves if name == verb)


# A worker that ends by itself, long before it could count anything.
DYING = """

@app.before_request
def of_the_lab():
    from flask import request
    import os

    if request.method == "POST" and request.path.startswith("/v1/habits"):
        os._exit(1)
"""


# What breaks it, and a word of the line that says so.
BEFORE_THE_TRAFFIC = {
    "install": ({"packages": "nothing==1.0 --hash=sha256:" + 64 * "0" + "\n"}, "Install its"),
    "migration": ({"migration": "SELECT 1 / 0"}, "migrations of the release"),
    "contract": (
        {"migration": "SELECT 1", "contract": "nobody reads it"},
        "the release contracts the schema (9999: nobody reads it)",
    ),
    "start": ({"entry": "\nraise RuntimeError\n"}, "does not start"),
    "probe": (
        {"entry": releases.DOWN},
        "should be healthy",
    ),
}


@pytest.mark.parametrize("way", BEFORE_THE_TRAFFIC if LONG else ["probe"])
def test_a_release_that_fails_before_the_cutover_is_not_noticed(
    host: Host, api: Api, operator: Operator, tmp_path: Path, way: str
) -> None:
    broken, line = BEFORE_THE_TRAFFIC[way]
    before = _state(host)["release"]
    with load(api, tmp_path, RATE / 3) as result:
        played = _deploy(operator, releases.build(f"0.1.0+{way}", **broken))
    assert played.failed
    assert line in " ".join(played.output.split()), played.output
    record(f"{way} fails: requests failed", result.failed, "", 0)
    assert result.failed == 0, result.figures
    _assert_back(host, api, before)


def _assert_back(host: Host, api: Api, before: str) -> None:
    state = _state(host)
    assert state["release"] == state["good"] == before
    assert api.ask("GET", "/health").json()["version"] == before
    other = "green" if state["slot"] == "blue" else "blue"
    running = host.ssh(f"systemctl is-active fivebox-api@{other}", check=False).stdout
    assert running.strip() != "active"
    assert _lock(host) == "free"


@in_full
def test_a_release_that_does_not_answer_behind_nginx_is_taken_back(
    host: Host, api: Api, operator: Operator
) -> None:
    before = _state(host)["release"]
    with releases.nginx_led_astray(host):
        played = _deploy(operator, releases.build("0.1.0+astray"))
    assert played.failed
    assert f"behind nginx answers {before} instead of 0.1.0+astray" in " ".join(
        played.output.split()
    )
    _assert_back(host, api, before)


# Without registration there is no story of a client, which would notice before the watch does.
WATCH_SECONDS = 30
WATCHED = ("-e", f"fivebox_watch_seconds={WATCH_SECONDS}", "-e", "fivebox_registration=false")
AFTER_THE_TRAFFIC = {
    "errors": ("raise RuntimeError", "requests failed", RATE / 3),
    # Few, that they do not queue until none is answered.
    "latency": ("time.sleep(1.2)", "p95 of", 2),
}


@pytest.mark.parametrize("way", AFTER_THE_TRAFFIC if LONG else ["errors"])
def test_a_release_that_serves_badly_is_taken_back(
    host: Host, api: Api, operator: Operator, tmp_path: Path, way: str
) -> None:
    statement, line, rate = AFTER_THE_TRAFFIC[way]
    entry = releases.BEFORE_HABITS.format(statement=statement)
    before = _state(host)["release"]
    archive = releases.build(f"0.1.0+{way}", entry=entry)
    with load(api, tmp_path, rate) as result:
        played = _deploy(operator, archive, *WATCHED)
    assert played.failed
    assert line in " ".join(played.output.split()), played.output
    _assert_back(host, api, before)
    record(
        f"{way}: from the first failed request to the last",
        result.figures["failing_seconds"],
        "s",
        WATCH_SECONDS,
    )
    assert result.figures["failing_seconds"] <= WATCH_SECONDS
    # It was bad for a while; requests that queued behind slow ones may fail too.
    assert way == "latency" or result.figures["failed"] > 0, result.figures
    assert api.ask("GET", "/v1/content/habit_templates?limit=1").status == 200


@contextmanager
def _writes_during_the_watch(host: Host, api: Api) -> Iterator[None]:
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(1):
            if host.succeeds("pgrep --full '[l]ib/fivebox/watch.py'"):
                with suppress(ConnectionError):
                    api.ask("POST", "/v1/habits", {})

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@in_full
def test_a_release_whose_workers_die_is_taken_back(
    host: Host, api: Api, operator: Operator
) -> None:
    before = _state(host)["release"]
    with _writes_during_the_watch(host, api):
        played = _deploy(operator, releases.build("0.1.0+dying", entry=DYING), *WATCHED)
    assert played.failed
    assert "processes of the API ended by themselves" in " ".join(played.output.split())
    _assert_back(host, api, before)


@in_full
def test_a_release_whose_writes_fail_is_taken_back_without_traffic(
    host: Host, api: Api, operator: Operator
) -> None:
    before = _state(host)["release"]
    entry = releases.BEFORE_HABITS.format(statement="raise RuntimeError")
    played = _deploy(operator, releases.build("0.1.0+quiet", entry=entry))
    assert played.failed
    assert "POST /v1/habits answers 500, not 201" in " ".join(played.output.split())
    _assert_back(host, api, before)


def test_the_power_may_fail_while_the_traffic_moves(
    host: Host, api: Api, operator: Operator
) -> None:
    before = _state(host)
    idle = "green" if before["slot"] == "blue" else "blue"
    slot = "/usr/local/sbin/fivebox slot"
    host.ssh(f"{slot} start {before['release']} && {slot} serve")
    host.kill()
    host.boot()
    until(lambda: _answers(api), 60)
    assert _state(host)["slot"] == idle
    played = operator.play("site")
    assert not played.failed, played.output
    # The slot of before runs no more, nor after the next boot.
    shown = f"systemctl show --value -p ActiveState -p UnitFileState fivebox-api@{before['slot']}"
    assert set(host.ssh(shown).stdout.split()) == {"inactive", "disabled"}


def test_a_release_that_was_not_known_to_be_good_does_not_outlast_a_boot(
    host: Host, api: Api
) -> None:
    before = _state(host)["release"]
    release, slot = "0.1.0+cut", "/usr/local/sbin/fivebox slot"
    host.ssh(
        f"cd /opt/fivebox/releases && cp -a {before} {release}"
        f" && echo {release} > {release}/VERSION"
        f" && {slot} start {release} && {slot} serve"
    )
    assert api.ask("GET", "/health").json()["version"] == release
    host.kill()
    host.boot()
    told = f"journalctl --boot -u {RECOVERY}"
    until(lambda: f"back on {before}" in host.ssh(told, check=False).stdout, 120)
    until(lambda: _answers(api), 60)
    _assert_back(host, api, before)


def _answers(api: Api) -> bool:
    try:
        return api.ask("GET", "/health").status == 200
    except ConnectionError:
        return False


def test_site_does_not_come_between_a_release(host: Host, operator: Operator) -> None:
    key = host.ssh("/usr/local/sbin/fivebox lock take 'ada@desk (deploy 9)' 5").stdout.strip()
    before = _state(host)
    try:
        played = operator.play("site", "-e", "app_threads=5")
        assert played.failed
        assert "ada@desk (deploy 9) holds the lock since" in played.output
        assert _state(host) == before
    finally:
        host.ssh(f"/usr/local/sbin/fivebox lock free {key}")


def test_a_second_deploy_is_told_who_holds_the_lock(host: Host, operator: Operator) -> None:
    key = host.ssh("/usr/local/sbin/fivebox lock take 'ada@desk (deploy 9)' 1").stdout.strip()
    played = operator.play("deploy")
    assert played.failed
    assert "ada@desk (deploy 9) holds the lock since" in played.output
    assert _lock(host).startswith("ada@desk")
    held = host.ssh("/usr/local/sbin/fivebox slot renew", check=False)
    assert "once it is free, run: fivebox slot renew" in held.stderr
    host.ssh(f"/usr/local/sbin/fivebox lock free {key}")
    assert _lock(host) == "free"


def test_an_emergency_rollback_takes_the_lock_and_minds_the_schema(
    host: Host, api: Api, operator: Operator
) -> None:
    before = _state(host)["release"]
    archive = releases.build("0.1.0+cut-off", migration="SELECT 1", contract="nobody reads it")
    played = _deploy(operator, archive, "-e", "allow_contract=true")
    assert not played.failed, played.output
    assert "before-0.1.0+cut-off@" in played.output
    host.ssh("/usr/local/sbin/fivebox lock take 'ada@desk (deploy 9)' 30")
    try:
        played = operator.play("rollback", "-e", "break_lock=true")
        assert not played.failed, played.output
        text = " ".join(played.output.split())
        assert "taken over: ada@desk (deploy 9)" in text
        assert "stays there; run this again to go further back" in text
        assert _state(host)["release"] == "0.1.0+cut-off"
        played = operator.play("rollback")
        assert played.failed
        text = " ".join(played.output.split())
        assert f"a release since {before} contracted the schema" in text
        assert _lock(host) == "free"
        played = operator.play("rollback", "-e", "allow_contract=true")
        assert not played.failed, played.output
        assert _state(host)["release"] == before
        assert api.ask("GET", "/health").json()["version"] == before
    finally:
        # What follows does not know this migration.
        undo = "/usr/local/sbin/fivebox db downgrade"
        host.ssh(f"FIVEBOX_RELEASE=/opt/fivebox/releases/0.1.0+cut-off {undo}")
        host.ssh("rm -f /opt/fivebox/releases/*/outdated")


def test_an_expired_lock_is_nobody_s(host: Host) -> None:
    take = "/usr/local/sbin/fivebox lock take"
    host.ssh(f"{take} 'ada@desk (deploy 9)' 0")
    key = host.ssh(f"{take} 'bob@desk (rollback)' 1").stdout.strip()
    assert _lock(host).startswith("bob@desk")
    host.ssh(f"/usr/local/sbin/fivebox lock free {key}")


def test_site_changes_nothing_after_releases(operator: Operator) -> None:
    played = operator.play("site")
    assert not played.failed, played.output
    assert not played.changed, played.output
