"""What an operator does to a cluster: make it, change its size, upgrade it, restore all of it."""

import sys
import time

from tests.lab import counted, figures
from tests.lab.cluster_hosts import MEMBERS, PSQL, Cluster, await_archive
from tests.lab.writer import TABLE, Writer

FOURTH = "four"
# Uses the database as the API does, as far as a restore can see.
USER = """
printf '[Service]\\nExecStart=sleep infinity\\n' > /etc/systemd/system/fivebox-api@.service
systemctl start fivebox-api@blue
"""
STARTED = (
    "systemctl is-active fivebox-api@blue && systemctl show --property=MainPID fivebox-api@blue"
)
GAP_SECONDS = 30
INSTALLED = "dpkg-query --show --showformat='${{{}}}\\n' patroni etcd-server 'postgresql-1?'"
# Repacks what apt would install, as a version that is newer.
NEWER = f"""
set -e
rm -rf /var/tmp/newer; mkdir /var/tmp/newer; cd /var/tmp/newer
for name in $({INSTALLED.format("Package")}); do
  apt-get download -qq $name
  dpkg-deb --raw-extract ${{name}}_*.deb made
  sed --in-place 's/^Version: .*/&+lab1/' made/DEBIAN/control
  dpkg-deb --build -Znone made $name.deb > /dev/null
  rm -r made ${{name}}_*.deb
  dpkg-deb --field $name.deb
  printf 'Filename: ./%s.deb\\nSize: %s\\nSHA256: %s\\n\\n' $name $(stat --format=%s $name.deb) \\
    $(sha256sum $name.deb | cut -d ' ' -f 1)
done > Packages
echo 'deb [trusted=yes] file:/var/tmp/newer ./' > /etc/apt/sources.list.d/newer.list
"""
VERSIONS = INSTALLED.format("Version")


def convert(cluster: Cluster) -> None:
    """From one host with data to three that have it."""
    cluster.name_members(MEMBERS[:1])
    cluster.play("site")
    cluster.migrate()
    first = cluster.hosts[MEMBERS[0]]
    rows = "SELECT 'before-' || n FROM generate_series(1, 1000) n"
    first.ssh(
        f"runuser -u postgres -- psql fivebox -c 'CREATE TABLE {TABLE} (name text PRIMARY KEY)' "
        f"-c 'GRANT SELECT, INSERT ON {TABLE} TO fivebox_app' "
        f'-c "INSERT INTO {TABLE} {rows}"'
    )
    cluster.name_members(MEMBERS)
    cluster.play("convert_to_cluster")


def change_size(cluster: Cluster) -> None:
    """A fourth host joins by its line, leads, and is removed again, while rows are written."""
    larger = (*MEMBERS, FOURTH)
    first = Writer(cluster.url("app"))
    with first.writing("joins"):
        first.await_writes(time.monotonic(), 10)
        since = time.monotonic()
        cluster.boot_new(FOURTH)
        cluster.name_members(larger, larger)
        cluster.play("bootstrap", "--limit", FOURTH)
        cluster.play("site")
        cluster.primary()
        counted.expect(cluster.hosts.values(), len(larger))
        _within("a fourth host joins", first, since)
    # This one knows the fourth host, too.
    writer = Writer(cluster.url("app"))
    with writer.writing("leaves"):
        writer.await_writes(time.monotonic(), 10)
        since = time.monotonic()
        cluster.play("switchover", "-e", f"switchover_to={FOURTH}")
        _within("it leads", writer, since)
        # Who loses its line would be locked out while it leads.
        cluster.name_members(MEMBERS)
        cluster.play("site", refused=f"{FOURTH} runs as a member of the database's cluster")
        cluster.name_members(larger, larger)
        since = time.monotonic()
        cluster.play("remove_host", "-e", f"host={FOURTH}")
        _within("it is removed while it leads", writer, since)
        cluster.hosts.pop(FOURTH).remove()
        cluster.name_members(MEMBERS)
        cluster.play("site")
    cluster.primary()
    counted.expect(cluster.hosts.values(), len(MEMBERS))
    left = cluster.play(
        "remove_host", "-e", f"host={MEMBERS[0]}", refused="three hosts of the group"
    )
    if left.changed:
        sys.exit("A refused removal changed something")
    if lost := first.lost() | writer.lost():
        sys.exit(f"Lost while the cluster changed its size: {sorted(lost)[:10]}")


def _within(what: str, writer: Writer, since: float) -> None:
    writer.await_writes(time.monotonic(), GAP_SECONDS)
    gap = writer.longest_gap(since)
    figures.record(f"{what}: without writes", gap, "s", GAP_SECONDS)
    if gap > GAP_SECONDS:
        sys.exit(f"{what}: {gap:.1f} s without writes")


def upgrade(cluster: Cluster) -> None:
    """Newer packages come to all members by restart_cluster.yml, while rows are written."""
    primary = cluster.primary()
    started = f"{PSQL} -c 'SELECT pg_postmaster_start_time()'"
    before = {name: host.ssh(started).stdout for name, host in cluster.hosts.items()}
    for host in cluster.hosts.values():
        host.ssh(NEWER)
    writer = Writer(cluster.url("app"))
    with writer.writing("restart"):
        writer.await_writes(time.monotonic(), 10)
        since = time.monotonic()
        cluster.play("restart_cluster")
        _within("restart_cluster.yml", writer, since)
    if cluster.primary() is primary:
        sys.exit(f"{primary.name} leads after restart_cluster.yml, too")
    kept = [
        name for name, host in cluster.hosts.items() if host.ssh(started).stdout == before[name]
    ]
    if kept:
        sys.exit(f"restart_cluster.yml did not restart the server of {kept}")
    for name, host in cluster.hosts.items():
        versions = host.ssh(VERSIONS).stdout.split()
        if not all(version.endswith("+lab1") for version in versions):
            sys.exit(f"restart_cluster.yml left {name} with {versions}")
    if lost := writer.lost():
        sys.exit(f"Lost by restart_cluster.yml: {sorted(lost)[:10]}")


def restore_all(cluster: Cluster) -> None:
    """All hosts are gone: one is restored onto a bare one, and made a cluster with two others."""
    primary = cluster.primary()
    writer = Writer(cluster.url("app"))
    with writer.writing("all"):
        writer.await_writes(time.monotonic(), 10)
    await_archive(primary)
    begun = time.monotonic()
    for host in cluster.hosts.values():
        host.kill()
    for name in MEMBERS:
        cluster.replace(name)
    cluster.name_members(MEMBERS[:1])
    cluster.play("bootstrap")
    cluster.front.ssh(USER)
    used = cluster.front.ssh(STARTED).stdout
    cluster.play("restore", "-e", "restore_confirm=api.fivebox.test", "-e", "restore_to=latest")
    figures.record("all hosts lost, until one serves again", time.monotonic() - begun, "s")
    if cluster.front.ssh(STARTED).stdout == used:
        sys.exit("What uses the database was not stopped for a restore")
    first = cluster.hosts[MEMBERS[0]]
    found = set(first.ssh(f"{PSQL} -c 'TABLE {TABLE}'").stdout.split())
    missing = {name for _, name in writer.acknowledged} - found
    figures.record("acknowledged and archived writes missing then", len(missing), "", 0)
    if missing:
        sys.exit(f"Missing after a restore: {sorted(missing)[:10]}")
    cluster.play("backup")
    cluster.name_members(MEMBERS)
    cluster.play("convert_to_cluster")
    cluster.primary()
    anew = Writer(cluster.url("app"))
    with anew.writing("anew"):
        anew.await_writes(time.monotonic(), 10)
    figures.record("all hosts lost, until three serve again", time.monotonic() - begun, "s")
    if lost := anew.lost():
        sys.exit(f"Lost after a restore: {sorted(lost)[:10]}")
