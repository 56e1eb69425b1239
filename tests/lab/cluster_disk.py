"""The disk of a cluster's primary becomes full."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.lab import figures
from tests.lab.cluster_hosts import PSQL, RECOVERY_SECONDS, Cluster
from tests.lab.hosts import Host
from tests.lab.runbooks import Runbook
from tests.lab.state import run
from tests.lab.waiting import until
from tests.lab.writer import TABLE, Writer

# Beside what is on it; with 2 GiB PostgreSQL would make its reserve.
ROOM_MB = 1024
# Less than postgresql_disk_reserve_mb, and more than what is written in the drill.
LITTLE_MB = 100
GAP_SECONDS = 30
# More than a standby has left for use again.
SEGMENTS = 20
SETTINGS = "/var/lib/postgresql/*/main/postgresql.auto.conf"
READ_ONLY = f"grep --quiet '^default_transaction_read_only' {SETTINGS}"


def fill_disk(cluster: Cluster) -> None:
    """It is only read then; another host leads by the runbook, also when no byte is left."""
    primary = cluster.primary()
    name = cluster.name_of(primary)
    with _own_disk(primary) as folder:
        cluster.primary()
        cluster.play("switchover", "-e", f"switchover_to={name}")
        writer = Writer(cluster.url("app"))
        with writer.writing("disk"):
            writer.await_writes(time.monotonic(), 10)
            _fill_most(cluster, name, folder, writer)
            _fill_the_rest(cluster, name, folder, writer)
        until(lambda: not primary.succeeds(READ_ONLY), RECOVERY_SECONDS, "its guard lets go")
    cluster.primary()
    if lost := writer.lost():
        sys.exit(f"Lost by a full disk: {sorted(lost)[:10]}")


def _fill_most(cluster: Cluster, name: str, folder: Path, writer: Writer) -> None:
    """The primary has little room: reads go on, writes once another leads."""
    since = time.monotonic()
    _fill(folder, "most", _free_mb(folder) - LITTLE_MB)
    until(lambda: _refused(writer), 10, "writes are refused")
    if lost := writer.lost():
        sys.exit(f"Not read from a full disk: {sorted(lost)[:10]}")
    _lead_elsewhere(cluster, name)
    writer.await_writes(time.monotonic(), GAP_SECONDS)
    gap = writer.longest_gap(since)
    figures.record("the primary's disk full, until another led by the runbook", gap, "s")


def _fill_the_rest(cluster: Cluster, name: str, folder: Path, writer: Writer) -> None:
    """A standby has no room: it does not follow, writes go on, and it catches up."""
    since = time.monotonic()
    _fill(folder, "rest", _free_mb(folder))
    leader = cluster.leader()
    for _ in range(SEGMENTS):
        writer.await_writes(time.monotonic(), GAP_SECONDS)
        leader.ssh(f"{PSQL} -c 'SELECT pg_switch_wal()'")
    until(lambda: not _follows(cluster, name), RECOVERY_SECONDS, "it cannot follow")
    writer.await_writes(time.monotonic(), GAP_SECONDS)
    gap = writer.longest_gap(since)
    figures.record("no byte left on a standby: without writes", gap, "s", GAP_SECONDS)
    if gap > GAP_SECONDS:
        sys.exit(f"A standby's full disk: {gap:.1f} s without writes")
    since = time.monotonic()
    for filler in folder.glob("filler-*"):
        filler.unlink()
    cluster.primary()
    figures.record("it has room again, until it follows", time.monotonic() - since, "s")


def _follows(cluster: Cluster, name: str) -> bool:
    return any(row["Member"] == name and row["State"] == "streaming" for row in cluster.members())


def _lead_elsewhere(cluster: Cluster, full: str) -> None:
    other = next(row["Member"] for row in cluster.members() if row["Member"] != full)
    with (
        tempfile.TemporaryDirectory() as folder,
        Runbook("disk-full", __file__, cluster.desk(Path(folder))) as book,
    ):
        book.run(3, HOST=other)


@contextmanager
def _own_disk(host: Host) -> Iterator[Path]:
    """Let a host have its state, etcd's and the database's, on a small disk of its own."""
    image = host.folder / "disk"
    state = host.root / "var/lib"
    host.kill()
    used_mb = int(run("du", "--summarize", "--block-size=1M", str(state)).split()[0])
    run("truncate", f"--size={used_mb + ROOM_MB}M", str(image))
    run("mkfs.ext4", "-q", "-m", "0", str(image))
    with tempfile.TemporaryDirectory() as other:
        run("mount", "-o", "loop", str(image), other)
        run("cp", "--archive", f"{state}/.", other)
        run("umount", other)
    run("mount", "-o", "loop", str(image), str(state))
    try:
        host.boot()
        yield state
    finally:
        host.kill()
        run("umount", str(state))
    with tempfile.TemporaryDirectory() as other:
        run("mount", "-o", "loop", str(image), other)
        run("rm", "--recursive", str(state))
        run("cp", "--archive", other, str(state))
        run("umount", other)
    image.unlink()
    host.boot()


def _free_mb(folder: Path) -> int:
    found = run("stat", "--file-system", "--format=%a %S", str(folder)).split()
    return int(found[0]) * int(found[1]) // 1024**2


def _fill(folder: Path, name: str, size_mb: int) -> None:
    # All but the last megabyte; then what is left of it.
    run("fallocate", f"--length={size_mb}MiB", str(folder / f"filler-{name}"))
    if _free_mb(folder) == 0:
        run("dd", "if=/dev/zero", f"of={folder}/filler-last", "bs=4k", check=False)


def _refused(writer: Writer) -> bool:
    try:
        with writer.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO {TABLE} VALUES ('refused')"))  # noqa: S608
    except SQLAlchemyError as error:
        return isinstance(getattr(error, "orig", None), ReadOnlySqlTransaction)
    return False
