"""The hosts: `python -m tests.lab.hosts up|kill|start|reboot|down NAME`, `down --all`, `list`."""

import argparse
import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab import base, network
from tests.lab.cgroups import Cgroup
from tests.lab.state import FOLDER, KEY, NUMBER, lock, public_key, require_machine, run

HOSTS = FOLDER / "hosts"
START_SECONDS = 60
# Those of this machine; a process of the lab may run on fewer (leave_alone).
PROCESSORS = set(map(int, os.environ.get("LAB_PROCESSORS", "").split())) or os.sched_getaffinity(0)
# The unit of the API that serves, as a shell on a host finds it.
API_UNIT = "fivebox-api@$(readlink /opt/fivebox/active | xargs basename)"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SSH_OPTIONS = [
    *("-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-o", "StrictHostKeyChecking=no"),
    *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
]
# The same for all playbooks that run here: a host of the lab has new keys each time.
os.environ["ANSIBLE_HOST_KEY_CHECKING"] = "false"


@dataclass
class Host:
    """A host of the lab, running or not."""

    name: str
    address: str
    suite: str
    memory_mb: int | None = None
    cpus: float | None = None
    swap: bool = False
    clock: bool = False

    @classmethod
    def find(cls, name: str) -> "Host":
        """Read a host that was made before; ends with a line when there is none."""
        try:
            return cls(**json.loads((HOSTS / name / "host.json").read_text()))
        except FileNotFoundError:
            sys.exit(f"There is no lab host {name}.")

    @property
    def folder(self) -> Path:
        return HOSTS / self.name

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def machine(self) -> str:
        """A short name: an interface's may have 15 characters only, and must be its own."""
        return f"fb{NUMBER}-{self.address.rpartition('.')[2]}"

    @property
    def interface(self) -> str:
        return f"vb-{self.machine}"

    def boot(self) -> None:
        """Start the host and wait until ssh answers."""
        self._mount()
        cgroup = Cgroup(self.name)
        cgroup.create(self.memory_mb, self.cpus)
        extra = ["--system-call-filter=@swap"] if self.swap else []
        extra += ["--system-call-filter=adjtimex"] if self.clock else []

        def enter() -> None:
            cgroup.enter()
            os.sched_setaffinity(0, self._processors())

        command = [
            *("systemd-nspawn", "--register=no", "--keep-unit", "--resolv-conf=off", "--quiet"),
            *(f"--directory={self.root}", f"--machine={self.machine}", "--boot"),
            *("--network-veth", f"--network-bridge={network.BRIDGE}"),
            *extra,
        ]
        with (self.folder / "console.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=enter,
            )
        (self.folder / "pid").write_text(str(process.pid))
        self._await_ssh(process)

    def _processors(self) -> set[int]:
        """Those of this machine that the host runs on.

        A limit in time alone would let a service in the background use it up on a second one, where
        the host's own priorities do not count.
        """
        available = sorted(PROCESSORS)
        if self.cpus is None:
            return set(available)
        first = int(self.address.rpartition(".")[2])
        return {available[(first + n) % len(available)] for n in range(math.ceil(self.cpus))}

    def leave_alone(self) -> None:
        """Let this process, and what it starts, run elsewhere, if the machine has more processors.

        A client or a controller is not on the host in production, either.
        """
        others = PROCESSORS - self._processors()
        if others:
            os.environ["LAB_PROCESSORS"] = " ".join(map(str, PROCESSORS))
            os.sched_setaffinity(0, others)

    def reboot(self) -> None:
        """Shut the host down as `systemctl reboot` does, and start it again."""
        self.ssh("systemctl reboot", check=False)
        deadline = time.monotonic() + START_SECONDS
        while self._starter():
            if time.monotonic() > deadline:
                sys.exit(f"{self.name} does not shut down; see {self.folder}/console.log")
            time.sleep(0.1)
        self.kill()
        self.boot()

    def _await_ssh(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.succeeds("true"):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{self.name} does not start; see {self.folder}/console.log")
            time.sleep(0.1)

    def ssh(
        self, command: str, *, user: str = "root", check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a shell command on the host.

        Raises:
            AssertionError: it failed, and `check` is set.
        """
        target = [*SSH_OPTIONS, "-i", str(KEY), f"{user}@{self.address}"]
        done = subprocess.run(
            ["ssh", *target, command], capture_output=True, text=True, errors="replace", check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {command}\n{done.stdout}{done.stderr}")
        return done

    def succeeds(self, command: str) -> bool:
        """Whether a shell command on the host ends without a fault."""
        return not self.ssh(command, check=False).returncode

    def kill(self) -> None:
        """Take the host's power away."""
        starter = self._starter()
        # The first process inside outlives its starter, so all that the host's group has must end.
        for pid in {*Cgroup(self.name).processes(), *([starter] if starter else [])}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if starter:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(starter, 0)
        # Swap is the machine's, and outlives the host that turned it on.
        if (self.root / "swapfile").exists():
            run("swapoff", str(self.root / "swapfile"), check=False)
        (self.folder / "pid").unlink(missing_ok=True)
        run("ip", "link", "delete", self.interface, check=False)
        Cgroup(self.name).remove()

    def _starter(self) -> int | None:
        """The running systemd-nspawn of this host; its number may have gone to another program."""
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            pid = int((self.folder / "pid").read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if f"--directory={self.root}".encode() in words:
                return pid
        return None

    def remove(self) -> None:
        """Kill the host and delete it; the packages it downloaded are kept for the next one."""
        self.kill()
        archives = self.root / "var/cache/apt/archives"
        for package in archives.glob("*.deb"):
            kept = base.packages(self.suite) / package.name
            if not kept.exists():
                shutil.copy2(package, kept)
        deadline = time.monotonic() + 10
        while os.path.ismount(self.root) and time.monotonic() < deadline:
            run("umount", str(self.root), check=False)
            time.sleep(0.05)
        if os.path.ismount(self.root):
            sys.exit(f"{self.root} is still in use; end what uses it and run this again.")
        # What starts the host removes its own lock as it ends, which may be just now.
        while self.folder.exists():
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.folder)

    def _mount(self) -> None:
        if os.path.ismount(self.root):
            return
        if self.swap:
            # A file on an overlay cannot be swapped to.
            if not self.root.exists():
                run("cp", "--archive", str(base.ensure(self.suite)), str(self.root))
            return
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(exist_ok=True)
        lower = base.ensure(self.suite)
        layers = f"lowerdir={lower},upperdir={self.folder}/upper,workdir={self.folder}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))

    def prepare(self) -> None:
        """Give a new host its name, address, key and certificates."""
        self._mount()
        files = {
            "etc/hostname": f"{self.name}\n",
            "etc/hosts": f"127.0.0.1 localhost\n{self.address} {self.name}\n",
            "etc/machine-id": uuid.uuid4().hex + "\n",
            "etc/resolv.conf": Path("/etc/resolv.conf").read_text(),
            "root/.ssh/authorized_keys": public_key(),
            "etc/systemd/network/10-host0.network": (
                "[Match]\nName=host0\n[Network]\n"
                f"Address={self.address}/24\nGateway={network.GATEWAY}\n"
            ),
        }
        (self.root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
        for path, text in files.items():
            (self.root / path).unlink(missing_ok=True)
            (self.root / path).write_text(text)
        # The machine may reach its package servers by way of a proxy with its own authority.
        shutil.copy2(CERTIFICATES, self.root / CERTIFICATES.relative_to("/"))
        run("chroot", str(self.root), "systemctl", "--quiet", "enable", "systemd-networkd")
        run("chroot", str(self.root), "ssh-keygen", "-A")
        archives = self.root / "var/cache/apt/archives"
        for package in base.packages(self.suite).glob("*.deb"):
            shutil.copy2(package, archives / package.name)


def up(
    name: str,
    suite: str = "bookworm",
    memory_mb: int | None = None,
    cpus: float | None = None,
    *,
    swap: bool = False,
    clock: bool = False,
) -> Host:
    """Make and start a host; one of this name that exists is taken as it is.

    Args:
        name: of the host.
        suite: bookworm or trixie.
        memory_mb: memory limit in MiB.
        cpus: processor limit.
        swap: let it have a swap file.
        clock: let it ask the kernel whether the clock is set.
    """
    require_machine()
    base.ensure(suite)
    network.ensure()
    with lock("hosts"):
        if (HOSTS / name / "host.json").exists():
            host = Host.find(name)
            if host._starter() is None:
                host.kill()
                host.boot()
            return host
        taken = {host.address for host in all_hosts()}
        free = (f"{network.PREFIX}{n}" for n in range(10, 250))
        host = Host(
            name, next(a for a in free if a not in taken), suite, memory_mb, cpus, swap, clock
        )
        host.folder.mkdir(parents=True, exist_ok=True)
        (host.folder / "host.json").write_text(json.dumps(asdict(host)))
    try:
        host.prepare()
        host.boot()
    except BaseException:
        host.remove()
        raise
    return host


def all_hosts() -> list[Host]:
    """All hosts of the lab."""
    return [Host.find(path.parent.name) for path in sorted(HOSTS.glob("*/host.json"))]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.hosts", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("up", help="make and start a host, print its address")
    making.add_argument("name")
    making.add_argument("--suite", choices=base.SUITES, default="bookworm")
    making.add_argument("--memory-mb", type=int)
    making.add_argument("--cpus", type=float)
    making.add_argument("--swap", action="store_true", help="let it have a swap file")
    for verb in ("kill", "start", "reboot"):
        verbs.add_parser(verb).add_argument("name")
    ending = verbs.add_parser("down", help="delete hosts")
    ending.add_argument("names", nargs="*")
    ending.add_argument("--all", action="store_true", help="all hosts, and the network")
    verbs.add_parser("list")
    arguments = parser.parse_args()
    require_machine()
    if arguments.verb == "up":
        host = up(
            arguments.name,
            arguments.suite,
            arguments.memory_mb,
            arguments.cpus,
            swap=arguments.swap,
        )
        print(host.address)
    elif arguments.verb == "kill":
        Host.find(arguments.name).kill()
    elif arguments.verb == "start":
        Host.find(arguments.name).boot()
    elif arguments.verb == "reboot":
        Host.find(arguments.name).reboot()
    elif arguments.verb == "down":
        names = [host.name for host in all_hosts()] if arguments.all else arguments.names
        for name in names:
            # Molecule destroys also what it has not made yet.
            if (HOSTS / name / "host.json").exists():
                Host.find(name).remove()
        if arguments.all:
            network.remove()
    else:
        for host in all_hosts():
            print(host.name, host.address, host.suite)


if __name__ == "__main__":
    main()
