"""`make lab-cluster`: three hosts of PostgreSQL and Redis lose their leaders while they are used.

The short form has each fault once; `--rounds 10 --record` is the long one.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis, RedisError

from app.redis_client import connect
from tests.lab import base, counted, figures, hosts, network
from tests.lab.cluster_changes import change_size, convert, restore_all, upgrade
from tests.lab.cluster_disk import fill_disk
from tests.lab.cluster_hosts import MEMBERS, PSQL, RECOVERY_SECONDS, Cluster, await_archive
from tests.lab.playbooks import ROOT
from tests.lab.runbooks import Runbook
from tests.lab.state import NUMBER, require_machine, run
from tests.lab.storage import Storage, cut_off
from tests.lab.waiting import until
from tests.lab.writer import TABLE, Writer

CUT = f"fivebox_cut{NUMBER}"
BESIDE = "/var/lib/fivebox-backup/scratch"
FAILOVER_SECONDS = 30
SWITCHOVER_SECONDS = 3
SENTINEL_SECONDS = 15
# How long one host is alone.
QUORUM_SECONDS = 15


def main() -> None:
    """Make the cluster, and let it lose its leader in each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=base.SUITES, default="trixie")
    parser.add_argument("--rounds", type=int, default=1, help="times that each fault happens")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running afterwards")
    parser.add_argument("--monitor", action="store_true", help="have a monitor host, too")
    parser.add_argument("--record", action="store_true", help="write docs/measurements/")
    arguments = parser.parse_args()
    require_machine()
    figures.begin()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    storage = Storage()
    cluster = Cluster(arguments.suite, storage, watched=arguments.monitor)
    try:
        storage.start()
        if cluster.watch:
            cluster.settings = cluster.watch.start()
        convert(cluster)
        if cluster.play("site").changed:
            sys.exit("The second run of site.yml changed something")
        counted.expect(cluster.hosts.values(), len(MEMBERS))
        if cluster.watch:
            primary = cluster.primary()
            standby = next(host for host in cluster.hosts.values() if host is not primary)
            cluster.watch.provoke(standby, Writer(cluster.url("app")))
        late = _faults(cluster, arguments.rounds)
        _send_for_the_lost(cluster)
        _lose_while_connecting(cluster)
        _lose_primary(cluster)
        _back_up(cluster)
        change_size(cluster)
        upgrade(cluster)
        fill_disk(cluster)
        _lose_quorum(cluster)
        _lose_cache_leader(cluster, arguments.rounds)
        restore_all(cluster)
    except AssertionError:
        _heal()
        cluster.tell()
        raise
    finally:
        _heal()
        storage.stop()
        if cluster.watch:
            cluster.watch.stop()
        if not arguments.keep:
            for host in cluster.every_host():
                host.remove()
            if not hosts.all_hosts():
                network.remove()
    if arguments.record:
        page = ROOT / f"docs/measurements/cluster-{arguments.suite}.md"
        monitor = " MONITOR=1" if arguments.monitor else ""
        command = (
            f"make lab-cluster SUITE={arguments.suite}{monitor} ROUNDS={arguments.rounds} RECORD=1"
        )
        figures.write(page, f"Three hosts with 1 GiB, Debian {arguments.suite}", command)
    if late:
        sys.exit("\n".join(late))


def _faults(cluster: Cluster, rounds: int) -> list[str]:
    """Let the primary be lost in each way; returns what took longer than it may."""
    late = []
    writer = Writer(cluster.url("app"))
    writer.acknowledged = [(0.0, f"before-{n}") for n in range(1, 1001)]
    # Only for the long form the machine is quiet enough for so short a time.
    switchover = SWITCHOVER_SECONDS if rounds > 1 else FAILOVER_SECONDS
    faults: list[tuple[str, Callable[[Cluster, hosts.Host, Writer], None], float]] = [
        ("planned switchover", _switch_over, switchover),
        ("kill -9 of the server's process", _kill_process, FAILOVER_SECONDS),
        ("kill -9 of the primary's host", _kill_host, FAILOVER_SECONDS),
        ("network of the primary cut", _cut_network, FAILOVER_SECONDS),
    ]
    for number in range(1, rounds + 1):
        for name, fault, limit in faults:
            primary = cluster.primary()
            with writer.writing(f"{fault.__name__}-{number}"):
                writer.await_writes(time.monotonic(), 10)
                since = time.monotonic()
                fault(cluster, primary, writer)
                gap = writer.longest_gap(since)
            if cluster.primary() is primary:
                cluster.tell()
                sys.exit(f"{name}: {primary.name} still leads, or leads again")
            figures.record(f"{name}, round {number}: without writes", gap, "s", limit)
            lost = writer.lost()
            figures.record(f"{name}, round {number}: acknowledged writes lost", len(lost), "", 0)
            if lost:
                sys.exit(f"{name}: acknowledged writes are lost: {sorted(lost)[:10]}")
            if gap > limit:
                late.append(f"{name}, round {number}: {gap:.1f} s without writes")
    figures.record("acknowledged writes in all", len(writer.acknowledged), "")
    return late


def _send_for_the_lost(cluster: Cluster) -> None:
    """The storage is away, then the primary's host: who takes over sends what that one did not.

    It is found by a restore from the backup that was made before all faults.
    """
    primary = cluster.primary()
    writer = Writer(cluster.url("app"))
    cut_off(primary)
    with writer.writing("unsent"):
        for _ in range(3):
            writer.await_writes(time.monotonic(), 10)
            primary.ssh(f"{PSQL} -c 'SELECT pg_switch_wal()'")
        primary.kill()
        writer.await_writes(time.monotonic(), 2 * FAILOVER_SECONDS)
    leader = cluster.leader()
    await_archive(leader)
    leader.ssh("fivebox-backup beside")
    found = leader.ssh(f"{PSQL} --host {BESIDE} --port 5433 -c 'TABLE {TABLE}'").stdout.split()
    leader.ssh("fivebox-backup discard")
    missing = {name for _, name in writer.acknowledged} - set(found)
    figures.record("acknowledged writes missing in the archive", len(missing), "", 0)
    if missing:
        sys.exit(f"The archive lacks what the lost primary had: {sorted(missing)[:10]}")
    primary.boot()
    cluster.primary()


def _lose_while_connecting(cluster: Cluster) -> None:
    """The primary's host is lost after it took the standbys' connections, before it answered.

    It is back before another may lead, so nobody tells them to connect anew.
    """
    primary = cluster.primary()
    standbys = [host for host in cluster.hosts.values() if host is not primary]
    writer = Writer(cluster.url("app"))
    # The kernel goes on to accept for a server that does not run.
    server = "$(head -1 /var/lib/postgresql/*/main/postmaster.pid)"
    primary.ssh(f"kill -STOP {server}; pkill --full 'postgres: .*walsender'")
    connecting = (
        f"{PSQL} -c 'TABLE pg_stat_wal_receiver' | grep --quiet . && exit 1; "
        f"ss --no-header --tcp state established dst {primary.address}:5432 | grep --quiet ."
    )

    def all_connect() -> bool:
        return all(host.succeeds(connecting) for host in standbys)

    until(all_connect, 10)
    primary.kill()
    primary.boot()
    begun = time.monotonic()
    with writer.writing("connecting"):
        writer.await_writes(begun, RECOVERY_SECONDS)
    gap = time.monotonic() - begun
    figures.record("lost while the standbys connect: until writes", gap, "s", 2 * FAILOVER_SECONDS)
    if gap > 2 * FAILOVER_SECONDS:
        sys.exit(f"The standbys followed nobody for {gap:.1f} s")
    cluster.primary()


def _lose_primary(cluster: Cluster) -> None:
    """The runbook of a lost primary: it comes back, its data is copied anew, another is bare."""
    primary = cluster.primary()
    name = cluster.name_of(primary)
    other = next(host for host in cluster.hosts.values() if host is not primary)
    with (
        tempfile.TemporaryDirectory() as folder,
        Runbook("lost-primary", __file__, cluster.desk(Path(folder))) as book,
    ):
        primary.kill()

        def taken_over() -> bool:
            lines = book.run(1, other)[0].splitlines()
            return any("Leader" in line and name not in line.split() for line in lines)

        until(taken_over, 2 * FAILOVER_SECONDS)
        primary.boot()
        book.run(2, primary)
        cluster.primary()
        book.run(3, other, HOST=name)
        cluster.primary()
        cluster.replace(name)
        book.run(4, HOST=name)
        # The page's second command, which the book leaves to who runs it for all pages.
        cluster.play("site")
        if cluster.primary() is cluster.hosts[name]:
            sys.exit("A bare host leads")
        book.run(5, HOST=name)
        if cluster.primary() is not cluster.hosts[name]:
            sys.exit(f"{name} does not lead after a switchover to it")
    kept = f"{PSQL} -c 'SELECT count(*) FROM {TABLE}'"  # noqa: S608
    if int(cluster.hosts[name].ssh(kept).stdout) < 1000:
        sys.exit("The replaced host has not all rows")


def _back_up(cluster: Cluster) -> None:
    """Whoever leads now goes on with the backups of whoever led before; the others do nothing."""
    primary = cluster.primary()
    for host in cluster.hosts.values():
        begun = time.monotonic()
        told = host.ssh("fivebox-backup run").stdout.strip()
        if (told == "standby") != (host is not primary):
            sys.exit(f"fivebox-backup run on {host.name}: {told}")
        if host is primary:
            figures.record("backup by the primary after it changed", time.monotonic() - begun, "s")
    _restore_beside(cluster)


def _restore_beside(cluster: Cluster) -> None:
    """The first host, whether it leads or not, gets the newest state into a cluster of its own."""
    name = ("-e", "restore_confirm=api.fivebox.test", "-e", "restore_to=latest")
    cluster.play("restore", *name, "-e", "restore_beside=true")
    first = cluster.hosts[MEMBERS[0]]
    psql = f"{PSQL} -c 'TABLE {TABLE}'"
    live = int(first.ssh(f"{psql} | wc -l").stdout)
    beside = int(first.ssh(f"{psql} --host {BESIDE} --port 5433 | wc -l").stdout)
    if not 0 < beside <= live:
        sys.exit(f"The cluster beside the live one has {beside} of {live} rows")
    first.ssh("fivebox-backup discard")


def _lose_quorum(cluster: Cluster) -> None:
    """One host alone takes no writes, and two take them again."""
    primary = cluster.primary()
    others = [host for host in cluster.hosts.values() if host is not primary]
    writer = Writer(cluster.url("app"))
    with (
        writer.writing("quorum"),
        tempfile.TemporaryDirectory() as folder,
        Runbook("lost-quorum", __file__, cluster.desk(Path(folder))) as book,
    ):
        writer.await_writes(time.monotonic(), 10)
        for host in others:
            host.kill()
        alone = time.monotonic()
        told = book.run(1, primary, failing=["fivebox-cluster"])[0]
        if "etcd" not in told.lower():
            sys.exit(f"Without a quorum nothing is said of etcd: {told}")
        time.sleep(QUORUM_SECONDS)
        late = [name for at, name in writer.acknowledged if at > alone + 1]
        if late:
            sys.exit(f"One host alone acknowledged {len(late)} writes")
        counted.expect([primary], 0, "etcd", "sentinel")
        others[0].boot()
        book.run(2, others[0])
        if "Leader" not in book.run(3, others[0])[1]:
            sys.exit("Two hosts have no leader")
        writer.await_writes(time.monotonic(), RECOVERY_SECONDS)
        others[1].boot()
        _lose_two_for_good(cluster, writer, book)
    counted.expect(cluster.hosts.values(), len(MEMBERS))
    if lost := writer.lost():
        sys.exit(f"Lost after a lost quorum: {sorted(lost)[:10]}")


def _lose_two_for_good(cluster: Cluster, writer: Writer, book: Runbook) -> None:
    """The synchronous standby is left, and goes on with two bare hosts."""
    cluster.primary()
    kept = next(row["Member"] for row in cluster.members() if row["Role"] == "Sync Standby")
    gone = [name for name in MEMBERS if name != kept]
    alone = f"fivebox-cluster alone {kept}"
    told = cluster.hosts[kept].ssh(alone, check=False).stderr
    if "etcd has its quorum" not in told:
        sys.exit(f"A host parts from others that are there: {told}")
    for name in gone:
        cluster.hosts[name].kill()
    begun = time.monotonic()
    book.run(4, cluster.hosts[kept], HOST=kept)
    for name in gone:
        cluster.replace(name)
        book.run(5, HOST=name)
    cluster.play("site")
    writer.await_writes(time.monotonic(), RECOVERY_SECONDS)
    figures.record("two of three hosts gone for good, until writes", time.monotonic() - begun, "s")
    cluster.primary()


def _lose_cache_leader(cluster: Cluster, rounds: int) -> None:
    # As app/extensions.py has it.
    client = connect(cluster.redis_url(), socket_timeout=0.5, socket_connect_timeout=0.5)
    for number in range(1, rounds + 1):
        cluster.primary()
        _await_answer(client, RECOVERY_SECONDS)
        leader, _ = client.connection_pool.get_master_address()
        host = next(host for host in cluster.hosts.values() if host.address == leader)
        host.kill()
        gap = _await_answer(client, 4 * SENTINEL_SECONDS)
        host.boot()
        figures.record(f"leader of Redis killed, round {number}", gap, "s", SENTINEL_SECONDS)
        if gap > SENTINEL_SECONDS:
            sys.exit(f"Redis took {gap:.1f} s to answer again")


def _await_answer(client: Redis, limit: float) -> float:
    begun = time.monotonic()
    while True:
        try:
            client.set("lab", "text")
        except RedisError as error:
            if time.monotonic() - begun > limit:
                sys.exit(f"Redis does not answer: {error}")
            time.sleep(0.1)
        else:
            return time.monotonic() - begun


def _switch_over(cluster: Cluster, primary: hosts.Host, writer: Writer) -> None:
    primary.ssh("fivebox-cluster switchover")
    writer.await_writes(time.monotonic(), FAILOVER_SECONDS)


def _kill_process(cluster: Cluster, primary: hosts.Host, writer: Writer) -> None:
    primary.ssh("kill -KILL $(head -1 /var/lib/postgresql/*/main/postmaster.pid)")
    writer.await_writes(time.monotonic() + 1, 2 * FAILOVER_SECONDS)


def _kill_host(cluster: Cluster, primary: hosts.Host, writer: Writer) -> None:
    primary.kill()
    writer.await_writes(time.monotonic(), 2 * FAILOVER_SECONDS)
    primary.boot()


def _cut_network(cluster: Cluster, primary: hosts.Host, writer: Writer) -> None:
    # Goes on trying to write on the host itself, over the socket.
    log = primary.root / "var/tmp/isolated"
    log.unlink(missing_ok=True)
    insert = f"INSERT INTO {TABLE} VALUES ('isolated-' || gen_random_uuid()) RETURNING name"  # noqa: S608
    loop = (
        "while :; do date +%s.%N; "
        f'timeout 5 psql -XqAtd fivebox -c \\"{insert}\\" 2>/dev/null; sleep 0.2; done'
    )
    primary.ssh(
        "systemctl stop isolated 2>/dev/null; systemd-run --quiet --collect --unit=isolated "
        "--property=User=postgres --property=StandardOutput=append:/var/tmp/isolated "
        f'sh -c "{loop}"'
    )
    while "isolated-" not in (log.read_text() if log.exists() else ""):
        time.sleep(0.1)
    with _cut(primary):
        writer.await_writes(time.monotonic() + 1, 2 * FAILOVER_SECONDS)
        taken_over = time.time()
        # Long enough for a host that does not know to acknowledge something.
        time.sleep(10)
        lines = log.read_text().splitlines()
    primary.ssh("systemctl stop isolated")
    at = 0.0
    for line in lines:
        if line.startswith("isolated-"):
            writer.acknowledged.append((0.0, line))
            if at > taken_over:
                sys.exit("The isolated primary acknowledged a write after another took over")
        else:
            at = float(line)


@contextmanager
def _cut(host: hosts.Host) -> Iterator[None]:
    """Let nothing through to a host or from it."""
    hooks = " ".join(
        f"chain {hook} {{ type filter hook {hook} priority 0; "
        f'iifname "{host.interface}" drop; oifname "{host.interface}" drop; }};'
        for hook in ("forward", "input", "output")
    )
    run("nft", f"table bridge {CUT} {{ {hooks} }}")
    try:
        yield
    finally:
        _heal()


def _heal() -> None:
    run("nft", "delete", "table", "bridge", CUT, check=False)


if __name__ == "__main__":
    main()
