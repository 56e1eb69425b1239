"""What the stack costs on a $5 VPS; the figures are printed."""

from pathlib import Path

import pytest

from tests.lab.figures import record
from tests.lab.hosts import Host
from tests.lab.load import simple_reads

IDLE_MB = 350
P95_MS = 200
CONNECTIONS = 50
SECONDS = 10


def test_memory_when_idle(host: Host) -> None:
    # Proportional: memory that processes share counts once.
    script = (
        "for s in /proc/[0-9]*/smaps_rollup; do p=${s%/smaps_rollup}; "
        "u=$(sed -n 's|^0::.*/||p;t;s|^1:name=systemd:.*/||p' $p/cgroup | head -1); "
        "m=$(awk '/^Pss:/ {print $2}' $s); echo ${u:-system} ${m:-0}; done 2>/dev/null"
    )
    units: dict[str, int] = {}
    for line in host.ssh(script, check=False).stdout.splitlines():
        unit, kilobytes = line.rsplit(" ", 1)
        # Of the ssh session that asks; its number is another each time.
        unit = "session.scope" if unit.startswith("session-") else unit
        units[unit] = units.get(unit, 0) + int(kilobytes)
    total = sum(units.values()) / 1024
    for unit, kilobytes in sorted(units.items(), key=lambda item: -item[1]):
        record(f"memory when idle, {unit}", kilobytes / 1024, "MiB")
    record("memory when idle, in all", total, "MiB", IDLE_MB)
    assert 50 < total <= IDLE_MB


@pytest.mark.parametrize("pause_ms", [250, 0])
def test_simple_reads_with_50_clients(
    host: Host, token: str, tmp_path: Path, pause_ms: int
) -> None:
    """With a pause each client asks a few times a second; without one they saturate the host."""
    load = {"connections": CONNECTIONS, "seconds": SECONDS, "pause_ms": pause_ms}
    figures = simple_reads(host.address, token, tmp_path, **load)
    clients = f"{CONNECTIONS} clients, {pause_ms} ms pause" if pause_ms else "50 clients, no pause"
    record(f"{clients}: p95 of reads", figures["p95_ms"], "ms", P95_MS if pause_ms else None)
    record(f"{clients}: reads", figures["requests"] / SECONDS, "/s")
    assert figures["errors"] == 0
    assert figures["requests"] > SECONDS * 20
    assert figures["p95_ms"] < P95_MS or not pause_ms
