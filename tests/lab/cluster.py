"""`make lab-cluster`: three hosts of PostgreSQL and Redis lose their leaders while they are used.

The short form has each fault once; `--rounds 10 --record` is the long one.
"""

import argparse
import json
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from redis import Redis, RedisError

from app.redis_client import connect
from scripts import internal_ca
from scripts.make_secrets import NAMES
from tests.lab import base, counted, figures, hosts, network
from tests.lab.cluster_watch import Watch
from tests.lab.playbooks import ROOT, STORAGE, Play, run_playbook
from tests.lab.runbooks import Desk, Runbook
from tests.lab.state import FOLDER, KEY, NUMBER, public_key, require_machine, run
from tests.lab.storage import PORT, Storage
from tests.lab.waiting import until
from tests.lab.writer import TABLE, Writer

MEMORY_MB = 1024
CPUS = 1.0
MEMBERS = ("one", "two", "three")
MONITOR = "watch"
CUT = f"fivebox_cut{NUMBER}"
PSQL = "cd / && runuser -u postgres -- psql -XAtd fivebox"
BESIDE = "/var/lib/fivebox-backup/scratch"
FAILOVER_SECONDS = 30
SWITCHOVER_SECONDS = 3
SENTINEL_SECONDS = 15
# How long one host is alone.
QUORUM_SECONDS = 15
# Until all members are well again.
RECOVERY_SECONDS = 300
# The API itself is not among the hosts; a fleet's has a bucket.
BUCKET = {
    "FIVEBOX_S3_ENDPOINT": "https://files.fivebox.test",
    "FIVEBOX_S3_BUCKET": "files",
    "FIVEBOX_S3_REGION": "eu-central-1",
    "FIVEBOX_S3_ACCESS_KEY": "key",
    "FIVEBOX_S3_SECRET_KEY": "secret",
}


class Cluster:
    """The hosts, their inventory and secrets.

    Args:
        suite: of Debian.
        storage: of the backups.
        watched: by a monitor host.
    """

    def __init__(self, suite: str, storage: Storage, *, watched: bool) -> None:
        self.folder = FOLDER / f"cluster-{suite}"

        def made(name: str) -> hosts.Host:
            return hosts.up(f"cluster-{suite}-{name}", suite, MEMORY_MB, CPUS)

        self.hosts = {name: made(name) for name in MEMBERS}
        self.watch = Watch(made(MONITOR)) if watched else None
        self.settings: dict[str, object] = {}
        self.secrets = {name: secrets.token_hex(20) for name in NAMES} | internal_ca.make()
        self.storage = storage
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self.ca.write_text(self.secrets["vault_internal_ca_certificate"])
        for host in self.every_host():
            self._name_storage(host)

    def every_host(self) -> list[hosts.Host]:
        """The members, and the monitor host when there is one."""
        return [*self.hosts.values(), *([self.watch.host] if self.watch else [])]

    def _name_storage(self, host: hosts.Host) -> None:
        with (host.root / "etc/hosts").open("a") as names:
            names.write(f"{network.GATEWAY} {STORAGE}\n")

    def replace(self, name: str) -> None:
        """Put a bare host in the place of a member."""
        old = self.hosts[name]
        old.remove()
        self.hosts[name] = hosts.up(old.name, old.suite, MEMORY_MB, CPUS)
        self._name_storage(self.hosts[name])
        self.write_inventory()

    def write_inventory(self, database: tuple[str, ...] = MEMBERS) -> None:
        """Write the inventory; the machine itself is where the API would be.

        Args:
            database: the hosts of PostgreSQL.
        """
        addresses = {name: host.address for name, host in self.hosts.items()}
        members = {name: {"ansible_host": address} for name, address in addresses.items()}
        if self.watch:
            members[MONITOR] = {"ansible_host": self.watch.host.address}
        api = {"front": {"ansible_host": network.GATEWAY}}
        groups = {
            **{key: ["front"] for key in ("edge", "api")},
            "database": list(database),
            "cache": list(MEMBERS),
            "monitor": [MONITOR] if self.watch else [],
        }
        children = {name: {"hosts": dict.fromkeys(of)} for name, of in groups.items()}
        variables = {
            **self.secrets,
            **self.storage.settings(),
            "fivebox_api_settings": BUCKET,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(KEY),
            "ansible_ssh_common_args": " ".join(hosts.SSH_OPTIONS),
            "fivebox_admin_keys": [public_key().strip()],
            "fivebox_release": str(ROOT / "VERSION"),
            "fivebox_host_memory_mb": MEMORY_MB,
            # Without a monitor host, what one would read.
            "fivebox_watched": True,
            "exporters_interval_seconds": 2,
            **self.settings,
        }
        settings = self.folder / "group_vars"
        settings.mkdir(exist_ok=True)
        if not (settings / "all").exists():
            (settings / "all").symlink_to(ROOT / "inventories/lab/group_vars/all")
        inventory = {"all": {"hosts": {**members, **api}, "children": children}}
        for file, content in (("hosts.yml", inventory), ("variables.yml", variables)):
            (self.folder / file).touch(mode=0o600)
            (self.folder / file).write_text(yaml.safe_dump(content))

    def play(self, name: str, *options: str) -> Play:
        """Run a playbook on the hosts; ends when it fails, or prints a secret."""
        variables = ("-e", f"@{self.folder}/variables.yml", "--limit", "!front")
        words = ("-i", str(self.folder / "hosts.yml"), f"playbooks/{name}.yml", *variables)
        played = run_playbook([*words, *options], self.secrets)
        if played.failed or played.told:
            for host in self.every_host():
                # They are removed at the end.
                logged = host.ssh("systemctl --failed; journalctl --no-pager -n 60", check=False)
                print(host.name, logged.stdout, flush=True)
            sys.exit(f"{played.output}\nprinted secrets: {played.told}")
        figures.record(f"{name}.yml", played.seconds, "s")
        return played

    def url(self, role: str) -> str:
        """The database's URL as the API has it, for the machine itself."""
        addresses = ",".join(host.address for host in self.hosts.values())
        return (
            f"postgresql+psycopg://fivebox_{role}:{self.secrets[f'vault_database_{role}_password']}"
            f"@localhost/fivebox?host={addresses}&target_session_attrs=primary"
            f"&sslmode=verify-full&sslrootcert={self.ca}"
        )

    def members(self) -> list[dict[str, str]]:
        """What a host that answers says of the cluster."""
        # One that was cut off a moment ago still tells of what was.
        quorum = "curl --fail --silent --max-time 5 --output /dev/null http://127.0.0.1:2381/health"
        command = f"{quorum} && patronictl -c /etc/patroni/config.yml list fivebox --format json"
        for host in self.hosts.values():
            done = host.ssh(command, check=False)
            if done.returncode == 0:
                found: list[dict[str, str]] = json.loads(done.stdout)
                return found
        return []

    def primary(self) -> hosts.Host:
        """The host that leads, once all are well."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            found = self.members()
            roles = [row["Role"] for row in found]
            well = [row for row in found if row["State"] in ("running", "streaming")]
            if len(well) == len(MEMBERS) and {"Leader", "Sync Standby"} <= set(roles):
                return self.hosts[next(r["Member"] for r in found if r["Role"] == "Leader")]
            if time.monotonic() > deadline:
                self.tell()
                sys.exit(f"Not all members are well: {found}")
            time.sleep(0.5)

    def tell(self) -> None:
        """Print what Patroni said on each host; they are removed at the end."""
        for host in self.hosts.values():
            said = host.ssh("journalctl --no-pager --lines 300 --unit patroni", check=False)
            print(host.name, said.stdout, flush=True)


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
        _convert(cluster)
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
        _restart(cluster)
        _lose_quorum(cluster)
        _lose_cache_leader(cluster, arguments.rounds)
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


def _convert(cluster: Cluster) -> None:
    """From one host with data to three that have it."""
    cluster.write_inventory(database=MEMBERS[:1])
    cluster.play("site")
    first = cluster.hosts[MEMBERS[0]]
    rows = "SELECT 'before-' || n FROM generate_series(1, 1000) n"
    first.ssh(
        f"runuser -u postgres -- psql fivebox -c 'CREATE TABLE {TABLE} (name text PRIMARY KEY)' "
        f"-c 'GRANT SELECT, INSERT ON {TABLE} TO fivebox_app' "
        f'-c "INSERT INTO {TABLE} {rows}"'
    )
    cluster.write_inventory()
    cluster.play("convert_to_cluster")


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
    rule = f"table inet outage {{ chain out {{ type filter hook output priority 0; tcp dport {PORT}"
    primary.ssh(f"nft '{rule} reject with tcp reset; }}; }}'")
    with writer.writing("unsent"):
        for _ in range(3):
            writer.await_writes(time.monotonic(), 10)
            primary.ssh(f"{PSQL} -c 'SELECT pg_switch_wal()'")
        primary.kill()
        writer.await_writes(time.monotonic(), 2 * FAILOVER_SECONDS)
    names = [row["Member"] for row in cluster.members() if row["Role"] == "Leader"]
    leader = cluster.hosts[names[0]]
    segment = leader.ssh(f"{PSQL} -c 'SELECT pg_walfile_name(pg_switch_wal())'").stdout.strip()
    sent = f"{PSQL} -c \"SELECT last_archived_wal >= '{segment}' FROM pg_stat_archiver\""  # noqa: S608
    until(lambda: leader.ssh(sent).stdout.strip() == "t", RECOVERY_SECONDS)
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
    name = next(name for name, host in cluster.hosts.items() if host is primary)
    other = next(host for host in cluster.hosts.values() if host is not primary)
    with (
        tempfile.TemporaryDirectory() as folder,
        Runbook("lost-primary", __file__, _desk(cluster, Path(folder))) as book,
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


def _desk(cluster: Cluster, folder: Path) -> Desk:
    return Desk(cluster.hosts[MEMBERS[0]], str(cluster.ca), folder, cluster.play)


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


def _restart(cluster: Cluster) -> None:
    """The playbook that brings newer packages restarts each server, while rows are written."""
    primary = cluster.primary()
    started = f"{PSQL} -c 'SELECT pg_postmaster_start_time()'"
    before = {name: host.ssh(started).stdout for name, host in cluster.hosts.items()}
    writer = Writer(cluster.url("app"))
    with writer.writing("restart"):
        writer.await_writes(time.monotonic(), 10)
        since = time.monotonic()
        cluster.play("restart_cluster")
        writer.await_writes(time.monotonic(), FAILOVER_SECONDS)
        gap = writer.longest_gap(since)
    if cluster.primary() is primary:
        sys.exit(f"{primary.name} leads after restart_cluster.yml, too")
    kept = [
        name for name, host in cluster.hosts.items() if host.ssh(started).stdout == before[name]
    ]
    if kept:
        sys.exit(f"restart_cluster.yml did not restart the server of {kept}")
    figures.record("restart_cluster.yml: longest time without writes", gap, "s", FAILOVER_SECONDS)
    if lost := writer.lost():
        sys.exit(f"Lost by restart_cluster.yml: {sorted(lost)[:10]}")
    if gap > FAILOVER_SECONDS:
        sys.exit(f"restart_cluster.yml: {gap:.1f} s without writes")


def _lose_quorum(cluster: Cluster) -> None:
    """One host alone takes no writes, and two take them again."""
    primary = cluster.primary()
    others = [host for host in cluster.hosts.values() if host is not primary]
    writer = Writer(cluster.url("app"))
    with (
        writer.writing("quorum"),
        tempfile.TemporaryDirectory() as folder,
        Runbook("lost-quorum", __file__, _desk(cluster, Path(folder))) as book,
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
    addresses = ",".join(host.address for host in cluster.hosts.values())
    password = cluster.secrets["vault_redis_password"]
    url = f"rediss+sentinel://:{password}@{addresses}/fivebox/0?ssl_ca_certs={cluster.ca}"
    # As app/extensions.py has it.
    client = connect(url, socket_timeout=0.5, socket_connect_timeout=0.5)
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
