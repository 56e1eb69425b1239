"""Control groups for each host, and for the operator: without them they disturb each other."""

import contextlib
import time
from pathlib import Path

from tests.lab.state import NUMBER

ROOT = Path("/sys/fs/cgroup")
PERIOD_MICROSECONDS = 100_000
# Of the processors, when a host wants them too.
OPERATOR_SHARE = 0.05


class Cgroup:
    """The groups of one host, in whichever hierarchies the machine has."""

    def __init__(self, host: str) -> None:
        name = f"{NUMBER}-{host}"
        self.unified = (ROOT / "cgroup.controllers").exists()
        if self.unified:
            self.folders = [ROOT / "fivebox-lab" / name]
            self.memory = self.cpu = self.folders[0]
        else:
            self.memory = ROOT / "memory" / f"fivebox-lab-{name}"
            self.cpu = ROOT / "cpu" / f"fivebox-lab-{name}"
            trees = [ROOT / tree / "fivebox-lab" / name for tree in ("systemd", "unified")]
            self.folders = [*(t for t in trees if t.parents[1].exists()), self.memory, self.cpu]

    def create(self, memory_mb: int | None, cpus: float | None, share: float = 1) -> None:
        """Make the groups.

        Args:
            memory_mb: limit in MiB, or None.
            cpus: limit in processors, or None.
            share: of the processors when all groups want them; other hosts have 1.
        """
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
        if self.unified:
            for parent in (ROOT, ROOT / "fivebox-lab"):
                (parent / "cgroup.subtree_control").write_text("+memory +cpu")
        if memory_mb:
            file = "memory.max" if self.unified else "memory.limit_in_bytes"
            (self.memory / file).write_text(str(memory_mb * 1024 * 1024))
        if cpus:
            quota = int(cpus * PERIOD_MICROSECONDS)
            if self.unified:
                (self.cpu / "cpu.max").write_text(f"{quota} {PERIOD_MICROSECONDS}")
            else:
                (self.cpu / "cpu.cfs_quota_us").write_text(str(quota))

        file, usual = ("cpu.weight", 100) if self.unified else ("cpu.shares", 1024)
        (self.cpu / file).write_text(str(int(usual * share)))

    def enter(self) -> None:
        """Put the calling process into the groups."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def used_mb(self) -> float:
        """Memory that cannot be given back without swapping, in MiB: not the cache of files."""
        rows = dict(line.split() for line in (self.memory / "memory.stat").read_text().splitlines())
        names = ("anon", "shmem") if self.unified else ("total_rss", "total_shmem")
        return sum(int(rows.get(name, 0)) for name in names) / 1024 / 1024

    def killed(self) -> int:
        """Processes that were killed for want of memory."""
        file = "memory.events" if self.unified else "memory.oom_control"
        rows = dict(line.split() for line in (self.memory / file).read_text().splitlines())
        return int(rows["oom_kill"])

    def reclaim(self) -> None:
        """Take back the memory that can be had again from disk."""
        if self.unified:
            # Fails when there is less to be had.
            with contextlib.suppress(OSError):
                (self.memory / "memory.reclaim").write_text("1G")
        else:
            (self.memory / "memory.force_empty").write_text("0")

    def processes(self) -> set[int]:
        """Numbers of all processes in the groups and below."""
        files = (file for folder in self.folders for file in folder.rglob("cgroup.procs"))
        return {int(pid) for file in files for pid in file.read_text().split()}

    def remove(self) -> None:
        """Remove the groups; the kernel empties them a moment after their processes end."""
        deadline = time.monotonic() + 10
        while any(folder.exists() for folder in self.folders) and time.monotonic() < deadline:
            for folder in self.folders:
                # The deepest first.
                for inner in sorted(folder.rglob("*"), reverse=True):
                    if inner.is_dir():
                        with contextlib.suppress(OSError):
                            inner.rmdir()
                with contextlib.suppress(OSError):
                    folder.rmdir()
            time.sleep(0.05)


def of_operator() -> Cgroup:
    """The groups of the operator's programs, which here leave the processors to hosts and clients.

    A nice value would not: where the kernel groups by session, each worker of Ansible is a session
    of its own, and weighs as much as a host.
    """
    groups = Cgroup("operator")
    groups.create(None, None, OPERATOR_SHARE)
    return groups
