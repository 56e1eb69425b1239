"""`make lab-restore`: what was deleted by mistake, what was damaged, and a host that is gone.

All of it comes back from object storage, by the commands of the runbooks.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.lab import base, figures, hosts, project
from tests.lab.acme import Authority
from tests.lab.conftest import DOMAIN, Api
from tests.lab.damage import damage_page
from tests.lab.drill import CPUS, MEMORY_MB
from tests.lab.playbooks import ROOT, Operator, Play
from tests.lab.reads import reads
from tests.lab.runbooks import Desk, Runbook
from tests.lab.state import require_machine
from tests.lab.storage import Storage, cut_off, reconnect
from tests.lab.waiting import until

RESTORED_SECONDS = 600
LOST_SECONDS = 60
TIMES_SLOWER = 1.5
CONNECTIONS = 20
SECONDS = 20
# PostgreSQL tries again every minute.
DRAIN_SECONDS = 180
# In a long outage: how often is written, and how often logged in anew.
PAUSE_SECONDS = 2
LOGIN_WRITES = 200
UNSENT = "ls /var/lib/postgresql/*/main/pg_wal/archive_status/*.ready"
# About what 1 GB is: a row of a day has some 250 bytes with its indexes.
ROWS = {"short": 20_000, "long": 4_000_000}
# Without the triggers, which give each row a revision of its own: of millions of rows in one
# transaction that takes days.
HABITS = """
SET statement_timeout = 0;
SET session_replication_role = replica;
INSERT INTO user_habits (user_id, id, name, schedule, start_date, active, rev, updated_at)
SELECT user_id, 'bulk', 'bulk', 'daily', '2000-01-01', true, rev + 1, now() FROM sync_state;
INSERT INTO user_progress (user_id, id, habit_id, date, completed, note, rev, updated_at)
SELECT user_id, 'bulk:' || n, 'bulk', '0001-01-01'::date + n, true, md5(n::text), rev + 1 + n, now()
  FROM sync_state, generate_series(1, {rows}) AS n;
UPDATE sync_state SET rev = rev + 1 + {rows};
"""
ROWS_OF_USER = (
    "SELECT json_agg(t ORDER BY id) FROM (SELECT id, name, active, deleted_at IS NULL AS live "
    "FROM user_habits WHERE id LIKE 'row-%') AS t"
)
PAGES = "SELECT count(*), sum(hashtext(md5)::bigint) FROM lab_pages"

above: list[str] = []


def main() -> None:
    """Run the drill; hosts and storage are removed at its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=base.SUITES, default="bookworm")
    parser.add_argument("--size", choices=ROWS, default="short", help="of the database")
    parser.add_argument("--outage", type=int, help="only let the storage be away, so many seconds")
    parser.add_argument("--record", action="store_true", help="write docs/measurements/")
    arguments = parser.parse_args()
    require_machine()
    figures.begin()
    subprocess.run([sys.executable, "scripts/make_release.py"], cwd=ROOT, check=True)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    authority, storage = Authority(), Storage()
    try:
        storage.start()
        if arguments.outage:
            _long_outage(arguments.suite, arguments.outage, authority, storage)
        else:
            _lose_and_restore(arguments.suite, arguments.size, authority, storage)
    finally:
        authority.stop()
        storage.stop()
        for name in ("lost", "fresh"):
            if (hosts.HOSTS / name / "host.json").exists():
                hosts.Host.find(name).remove()
        if not hosts.all_hosts():
            hosts.network.remove()
    if above:
        sys.exit("\n".join(above))
    if arguments.record and arguments.outage:
        page = ROOT / f"docs/measurements/outage-{arguments.suite}.md"
        command = f"make lab-restore SUITE={arguments.suite} OUTAGE={arguments.outage} RECORD=1"
        figures.write(page, f"The backups' storage is away, Debian {arguments.suite}", command)
    elif arguments.record:
        page = ROOT / f"docs/measurements/restore-{arguments.suite}.md"
        command = f"make lab-restore SUITE={arguments.suite} SIZE={arguments.size} RECORD=1"
        figures.write(page, f"Loss and restore, Debian {arguments.suite}", command)


def _set_up(suite: str, authority: Authority, storage: Storage) -> tuple[Operator, Api, str]:
    """A host with the API and a user; also returns the user's token."""
    lost = hosts.up("lost", suite, MEMORY_MB, CPUS)
    authority.start(lost.address)
    operator = Operator(lost, authority, settings=storage.settings())
    _play(operator, "bootstrap")
    _play(operator, "site")
    api = Api(lost.address, str(authority.root()))
    return operator, api, _register(api)


def _lose_and_restore(suite: str, size: str, authority: Authority, storage: Storage) -> None:
    operator, api, token = _set_up(suite, authority, storage)
    lost = operator.host
    _file(api, token)
    _psql(operator, HABITS.format(rows=ROWS[size]))
    megabytes = int(_psql(operator, "SELECT pg_database_size('fivebox') / 1048576"))
    figures.record("size of the database", megabytes, "MiB")
    # What is left to do of so many rows is not idleness.
    _psql(operator, "VACUUM ANALYZE")
    _psql(operator, "CHECKPOINT")
    _await_archive(lost, "all of it is archived")
    _compare_latency(operator, api, token)
    _outage(operator, api, token)
    _undo_a_delete(operator, api, token)
    _mend_a_page(operator, api)
    _restore_elsewhere(suite, operator, authority)


def _compare_latency(operator: Operator, api: Api, token: str) -> None:
    """What clients notice of a backup and a drill."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(1) as pool:
        load = {
            "path": "/v1/habits",
            "connections": CONNECTIONS,
            "seconds": SECONDS,
            "pause_ms": 250,
        }
        idle = reads(api.address, token, Path(name), **load)["p95_ms"]
        figures.record("p95 of reads when idle", idle, "ms")
        # A drill waits for the archive first; its work begins with its cluster.
        restoring = "test -e /var/lib/fivebox-backup/drill-1/data"
        for unit, what, sign in (
            ("fivebox-backup", "a backup", "true"),
            ("fivebox-backup-drill", "a drill", restoring),
        ):
            running = pool.submit(operator.host.ssh, f"systemctl start {unit}")
            until(partial(operator.host.succeeds, sign), DRAIN_SECONDS, sign)
            busy = reads(api.address, token, Path(name), **load)
            print(f"{what} {'ended before' if running.done() else 'outlasts'} the load", flush=True)
            running.result()
            _assert(busy["errors"] == 0, f"no read fails during {what}")
            _within(f"p95 during {what}", busy["p95_ms"], "ms", TIMES_SLOWER * idle)


def _await_archive(host: hosts.Host, what: str, seconds: float = DRAIN_SECONDS) -> float:
    """Wait until nothing is left to send; returns the seconds it took."""
    took = until(lambda: not host.succeeds(UNSENT), seconds, what)
    print(f"holds: {what}", flush=True)
    return took


def _name_the_storage(host: hosts.Host) -> None:
    """A backup without its storage fails, and says what to look at."""
    failed = host.ssh("fivebox-backup run", check=False)
    _assert(failed.returncode == 1, "a backup without its storage fails")
    _assert("fivebox_backup_storage" in failed.stderr, "it says which setting leads there")


def _outage(operator: Operator, api: Api, token: str) -> None:
    """The storage cannot be reached for a while: it is named, and nothing is lost."""
    host = operator.host
    cut_off(host)
    habit = {"id": "outage", "name": "Written meanwhile", "start_date": "2026-01-01"}
    _assert(api.ask("POST", "/v1/habits", habit, token).status == 201, "writes go on")
    _psql(operator, "SELECT pg_switch_wal()")
    _name_the_storage(host)
    _assert(host.succeeds(UNSENT), "changes wait on the host")
    reconnect(host)
    _await_archive(host, "they are sent when it is back")
    with Runbook("backups", __file__, _desk(operator, api, "")) as book:
        _, _, told = book.run(5, host)
    _assert("restores; compared" in told, "a drill finds all of it")


def _long_outage(suite: str, seconds: int, authority: Authority, storage: Storage) -> None:
    """Nothing reaches the storage, nor is refused: writes go on, and all of them are sent later."""
    operator, api, token = _set_up(suite, authority, storage)
    host = operator.host
    cut_off(host, "drop")
    begun, number = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        if number % LOGIN_WRITES == 0:
            token = _log_in(api)
        number += 1
        habit = {"id": f"outage-{number}", "name": "Written", "start_date": "2026-01-01"}
        written = api.ask("POST", "/v1/habits", habit, token)
        if written.status != 201:
            sys.exit(f"A write fails while the storage is away: {written}")
        time.sleep(PAUSE_SECONDS)
    figures.record("without the storage", time.monotonic() - begun, "s")
    figures.record("writes acknowledged meanwhile", number, "")
    figures.record("segments that wait then", int(host.ssh(f"{UNSENT} | wc -l").stdout), "")
    failed = int(_psql(operator, "SELECT failed_count FROM pg_stat_archiver"))
    figures.record("tries that failed, which WalNotArchived counts", failed, "")
    _assert(failed > 0, "failures are counted")
    _name_the_storage(host)
    reconnect(host)
    sent = _await_archive(host, "all of it is sent", RESTORED_SECONDS)
    figures.record("until all was sent, once it is back", sent, "s")
    _play(operator, "drill")
    told = host.ssh("journalctl --no-pager -u fivebox-backup-drill -o cat -n 5")
    _assert("restores; compared" in told.stdout, "a drill finds all of it")
    stored = int(_psql(operator, "SELECT count(*) FROM user_habits WHERE id LIKE 'outage-%'"))
    _assert(stored == number, "every acknowledged write is there")


def _undo_a_delete(operator: Operator, api: Api, token: str) -> None:
    """Back to the second before a mistaken DELETE, row by row."""
    for number in range(50):
        habit = {"id": f"row-{number}", "name": f"Row {number}", "start_date": "2026-01-01"}
        _assert(api.ask("POST", "/v1/habits", habit, token).status == 201, "a row is written")
    before = json.loads(_psql(operator, ROWS_OF_USER))
    time.sleep(1.1)  # The moment to go back to lies a second before.
    moment = _psql(
        operator, "SELECT to_char(now() - interval '1 s', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')"
    )
    _psql(operator, "DELETE FROM user_habits WHERE id LIKE 'row-%' AND id > 'row-2'")
    newest = _psql(operator, "SELECT max(rev) FROM sync_state")
    seen = f"/v1/sync/habits/pull?rev={newest}&id=&floor=0"
    _assert(api.ask("GET", seen, None, token).status == 200, "a device has all there is")
    _assert(len(json.loads(_psql(operator, ROWS_OF_USER))) < 50, "rows are deleted")
    refused = operator.play("restore", "-e", f"restore_to={moment}Z restore_confirm=other")
    _assert(refused.failed and "nothing is restored" in refused.output, "another name is refused")
    with Runbook("data-deleted", __file__, _desk(operator, api, "undo a DELETE")) as book:
        book.run(6, TIME=f"{moment}Z")
        _assert(json.loads(_psql(operator, ROWS_OF_USER)) == before, "every row is as it was")
        _assert("Deleted" in book.run(7, operator.host)[0], "the replaced data is deleted")
    _assert(api.ask("GET", seen, None, token).status == 401, "devices are logged out")
    answer = api.ask("GET", seen, None, _log_in(api))
    _assert(answer.status == 410, "a device that saw more is told to begin anew")
    _assert(answer.json()["type"].endswith(":resync-needed"), "by its name")


def _mend_a_page(operator: Operator, api: Api) -> None:
    """A page of a table is garbage; a backup from before has it, and what came later too."""
    host = operator.host
    _psql(operator, "CREATE TABLE lab_pages AS SELECT md5(n::text) FROM generate_series(1, 5000) n")
    host.ssh("fivebox-backup run")
    _psql(operator, "INSERT INTO lab_pages VALUES ('later')")
    before = _psql(operator, PAGES)
    path = _psql(operator, "SELECT pg_relation_filepath('lab_pages')")
    damage_page(host, path)
    with Runbook("corrupted-page", __file__, _desk(operator, api, "mend a page")) as book:
        _assert("lab_pages" in book.run(2, host)[0], "the damaged table is named")
        _assert("lab_pages" not in book.run(4, host)[1], "the newest backup is good")
        book.run(5)
        _assert(_psql(operator, PAGES) == before, "the page is as it was, and what came later")
        _assert("lab_pages" not in book.run(6, host)[0], "nothing is damaged any more")


def _restore_elsewhere(suite: str, operator: Operator, authority: Authority) -> None:
    """The host is gone; all but the last seconds come back on another, by the playbook."""
    last = f"SELECT '{time.time()}'"
    _psql(operator, f"CREATE TABLE IF NOT EXISTS lab_clock AS {last} AS at")
    end = time.time() + LOST_SECONDS + 15
    while time.time() < end:
        _psql(operator, f"UPDATE lab_clock SET at = '{time.time()}'")  # noqa: S608 - a number
        time.sleep(0.5)
    killed = time.time()
    begun = time.monotonic()
    operator.host.kill()
    packed, away = _pack(operator)
    fresh = hosts.up("fresh", suite, MEMORY_MB, CPUS)
    authority.stop()
    authority.start(fresh.address)
    settings = {**operator.settings, **operator.secrets}
    newcomer = Operator(fresh, authority, settings=settings)
    api = Api(fresh.address, str(authority.root()))
    desk = _desk(newcomer, api, "restore onto a bare host")
    with Runbook("host-lost", __file__, desk) as book:
        book.run(1, ADDRESS=operator.host.address, failing=["ssh"])
        book.run(2, desk=_desk(newcomer, api, "", away), FILE=str(packed))
        _assert(project.opened(away) == operator.secrets, "the vault is back")
        book.run(3)
        book.run(4)
        _assert('"healthy"' in book.run(5)[0], "the API is healthy")
    _within("host lost to service back", time.monotonic() - begun, "s", RESTORED_SECONDS)
    age = killed - float(_psql(newcomer, "SELECT at FROM lab_clock"))
    _within("oldest write that was lost, before the loss", age, "s", LOST_SECONDS)
    token = _log_in(api)
    link = api.ask("GET", "/v1/files/kept/link", None, token).json()["url"]
    got = api.ask("GET", link.partition(DOMAIN)[2])
    _assert(got.body == "kept", "the file is back")


def _pack(operator: Operator) -> tuple[Path, Path]:
    """What `make backup-config` writes, and a project that has no inventory."""
    mine, away = (operator.host.folder / name for name in ("mine", "away"))
    project.make(mine, operator.secrets)
    shutil.copytree(mine, away, symlinks=True)
    shutil.rmtree(away / "inventories")
    command = [sys.executable, "-m", "scripts.backup_config", "mine", str(mine)]
    subprocess.run(command, cwd=mine, check=True)
    return next(mine.glob("*.tar.gz")), away


def _desk(operator: Operator, api: Api, what: str, folder: Path = ROOT) -> Desk:
    """The operator's machine; `what` is what a restore is called in the figures."""

    def play(name: str, *options: str) -> Play:
        return _play(operator, name, *options, stage=what if name == "restore" else "")

    programs = Path(tempfile.mkdtemp(dir=operator.host.folder))
    return Desk(operator.host, api.root, programs, play, folder)


def _play(operator: Operator, name: str, *options: str, stage: str = "") -> Play:
    played = operator.play(name, *options)
    figures.record(stage or name, played.seconds, "s")
    if played.failed or played.told:
        sys.exit(f"{played.output}\nSecrets printed: {played.told}")
    return played


def _within(what: str, value: float, unit: str, limit: float) -> None:
    """Record a figure; the drill goes on, and fails at its end when it is above its limit."""
    figures.record(what, value, unit, limit)
    if value > limit:
        above.append(f"{what}: {value:.1f} {unit}, at most {limit:.1f} are allowed")


def _assert(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(f"This does not hold: {what}")
    print(f"holds: {what}", flush=True)


def _psql(operator: Operator, statement: str) -> str:
    command = ["psql", "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", "-d", "fivebox"]
    quoted = statement.replace("'", "'\\''")
    told = operator.host.ssh(f"runuser -u postgres -- {' '.join(command)} -c '{quoted}'")
    return told.stdout.strip()


CREDENTIALS = {"email": "loss@example.com", "password": "a long lab passphrase"}


def _register(api: Api) -> str:
    answer = api.ask("POST", "/v1/accounts/register", {**CREDENTIALS, "name": "Loss"})
    _assert(answer.status == 201, "an account is made")
    token: str = answer.json()["tokens"]["access_token"]
    return token


def _log_in(api: Api) -> str:
    answer = api.ask("POST", "/v1/accounts/login", CREDENTIALS)
    _assert(answer.status == 200, "the account is back")
    token: str = answer.json()["tokens"]["access_token"]
    return token


def _file(api: Api, token: str) -> None:
    content = "kept"
    declared = {
        **{"id": "kept", "name": "kept.txt", "purpose": "attachment"},
        **{"content_type": "text/plain", "size": len(content)},
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
    }
    upload = api.ask("POST", "/v1/files", declared, token).json()["upload"]
    command = ["curl", "--silent", "--show-error", "--fail", "--cacert", api.root]
    named = ["--resolve", f"{DOMAIN}:443:{api.address}", "--request", upload["method"]]
    headers = [word for item in upload["headers"].items() for word in ("--header", ": ".join(item))]
    subprocess.run(
        [*command, *named, *headers, "--data-binary", content, upload["url"]],
        check=True,
        env=os.environ,
    )
    _assert(api.ask("POST", "/v1/files/kept/complete", None, token).status == 200, "a file is in")


if __name__ == "__main__":
    main()
