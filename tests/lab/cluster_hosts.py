"""The hosts of `make lab-cluster`, and their operator."""

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import yaml

from scripts import internal_ca
from scripts.make_secrets import NAMES
from tests.lab import figures, hosts, network
from tests.lab.cluster_watch import Watch
from tests.lab.playbooks import ROOT, STORAGE, Play, run_playbook
from tests.lab.runbooks import Desk
from tests.lab.state import FOLDER, KEY, public_key
from tests.lab.storage import Storage
from tests.lab.waiting import until

MEMORY_MB = 1024
CPUS = 1.0
MEMBERS = ("one", "two", "three")
MONITOR = "watch"
FRONT = "front"
PSQL = "cd / && runuser -u postgres -- psql -XAtd fivebox"
FOLLOWING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
SAID = (
    "journalctl --no-pager --lines 400 --unit patroni --unit etcd; "
    "journalctl --no-pager --lines 100 --identifier postgresql"
)
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


def await_archive(primary: hosts.Host) -> None:
    """Wait until the archive has what is written by now."""
    segment = primary.ssh(f"{PSQL} -c 'SELECT pg_walfile_name(pg_switch_wal())'").stdout.strip()
    sent = f"{PSQL} -c \"SELECT last_archived_wal >= '{segment}' FROM pg_stat_archiver\""  # noqa: S608
    until(lambda: primary.ssh(sent).stdout.strip() == "t", RECOVERY_SECONDS, "it is archived")


class Cluster:
    """The hosts, their inventory and secrets.

    Args:
        suite: of Debian.
        storage: of the backups.
        watched: by a monitor host.
    """

    def __init__(self, suite: str, storage: Storage, *, watched: bool) -> None:
        self.folder = FOLDER / f"cluster-{suite}"
        self.suite = suite
        self.database: tuple[str, ...] = MEMBERS
        self.cache: tuple[str, ...] = MEMBERS
        self.hosts = {name: self._made(name) for name in MEMBERS}
        self.front = self._made(FRONT)
        self.watch = Watch(self._made(MONITOR)) if watched else None
        self.settings: dict[str, object] = {}
        self.secrets = {name: secrets.token_hex(20) for name in NAMES} | internal_ca.make()
        self.storage = storage
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self.ca.write_text(self.secrets["vault_internal_ca_certificate"])
        for host in self.every_host():
            self._name_storage(host)

    def every_host(self) -> list[hosts.Host]:
        """The members, the one in the place of the API, and the monitor host when there is one."""
        others = [self.front, *([self.watch.host] if self.watch else [])]
        return [*self.hosts.values(), *others]

    def _made(self, name: str) -> hosts.Host:
        return hosts.up(f"cluster-{self.suite}-{name}", self.suite, MEMORY_MB, CPUS)

    def _name_storage(self, host: hosts.Host) -> None:
        with (host.root / "etc/hosts").open("a") as names:
            names.write(f"{network.GATEWAY} {STORAGE}\n")

    def replace(self, name: str) -> None:
        """Put a bare host in the place of a member."""
        self.hosts[name].remove()
        self.boot_new(name)

    def boot_new(self, name: str) -> None:
        """Have a bare host of that name."""
        self.hosts[name] = self._made(name)
        self._name_storage(self.hosts[name])
        self.write_inventory()

    def name_members(self, database: tuple[str, ...], cache: tuple[str, ...] = MEMBERS) -> None:
        """Write into the inventory which hosts there are of PostgreSQL and of Redis."""
        self.database, self.cache = database, cache
        self.write_inventory()

    def write_inventory(self) -> None:
        """Write the inventory; the machine itself asks the database as the API would."""
        addresses = {name: host.address for name, host in self.hosts.items()}
        members = {name: {"ansible_host": address} for name, address in addresses.items()}
        if self.watch:
            members[MONITOR] = {"ansible_host": self.watch.host.address}
        front = {"ansible_host": self.front.address, "fivebox_address": network.GATEWAY}
        groups = {
            **{key: [FRONT] for key in ("edge", "api")},
            "database": list(self.database),
            "cache": list(self.cache),
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
        inventory = {"all": {"hosts": {**members, FRONT: front}, "children": children}}
        for file, content in (("hosts.yml", inventory), ("variables.yml", variables)):
            (self.folder / file).touch(mode=0o600)
            (self.folder / file).write_text(yaml.safe_dump(content))

    def play(self, name: str, *options: str, refused: str = "") -> Play:
        """Run a playbook on the hosts; ends when it fails, or prints a secret.

        Args:
            name: of the playbook.
            options: further words of the command line.
            refused: what it must say, and then fail.
        """
        variables = ("-e", f"@{self.folder}/variables.yml", "--limit", f"!{FRONT}")
        words = ("-i", str(self.folder / "hosts.yml"), f"playbooks/{name}.yml", *variables)
        played = run_playbook([*words, *options], self.secrets)
        told = " ".join(played.output.split())
        well = played.failed and refused in told if refused else not played.failed
        if played.told or not well:
            for host in self.every_host():
                # They are removed at the end.
                logged = host.ssh("systemctl --failed; journalctl --no-pager -n 60", check=False)
                print(host.name, logged.stdout, flush=True)
            sys.exit(f"{played.output}\nprinted secrets: {played.told}")
        figures.record(f"{name}.yml", played.seconds, "s")
        return played

    def desk(self, folder: Path) -> Desk:
        """The operator's machine, for what the runbooks do there; `folder` is for its programs."""
        return Desk(self.hosts[MEMBERS[0]], str(self.ca), folder, self.play)

    def url(self, role: str) -> str:
        """The database's URL as the API has it, for the machine itself."""
        addresses = ",".join(host.address for host in self.hosts.values())
        return (
            f"postgresql+psycopg://fivebox_{role}:{self.secrets[f'vault_database_{role}_password']}"
            f"@localhost/fivebox?host={addresses}&target_session_attrs=primary"
            f"&sslmode=verify-full&sslrootcert={self.ca}"
        )

    def redis_url(self) -> str:
        """The URL of Redis as the API has it, for the machine itself."""
        addresses = ",".join(self.hosts[name].address for name in self.cache)
        password = self.secrets["vault_redis_password"]
        return f"rediss+sentinel://:{password}@{addresses}/fivebox/0?ssl_ca_certs={self.ca}"

    def migrate(self) -> None:
        """Make the tables of the API."""
        urls = {"FIVEBOX_DATABASE_URL": "app", "FIVEBOX_DATABASE_OWNER_URL": "owner"}
        environment = {
            **os.environ,
            **{name: self.url(role) for name, role in urls.items()},
            "FLASK_APP": "wsgi.py",
            "FIVEBOX_ENVIRONMENT": "test",
            "FIVEBOX_REDIS_URL": self.redis_url(),
            "FIVEBOX_JWT_SECRET": self.secrets["vault_jwt_secret"] * 2,
            "FIVEBOX_PASSWORD_PEPPER": self.secrets["vault_password_pepper"],
        }
        command = [sys.executable, "-m", "flask", "db", "upgrade"]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"flask db upgrade: {done.stderr}")

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
        """The host that leads, once all others follow it."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            found = self.members()
            roles = [row["Role"] for row in found]
            well = [row for row in found if row["State"] in ("running", "streaming")]
            if len(well) == len(self.database) and {"Leader", "Sync Standby"} <= set(roles):
                leader = self.hosts[next(r["Member"] for r in found if r["Role"] == "Leader")]
                # One that waits to be rewound is "running", too.
                following = leader.ssh(f'{PSQL} -c "{FOLLOWING}"', check=False).stdout
                if following.strip() == str(len(self.database) - 1):
                    return leader
            if time.monotonic() > deadline:
                self.tell()
                sys.exit(f"Not all members are well: {found}")
            time.sleep(0.5)

    def leader(self) -> hosts.Host:
        """The host that leads now, whether the others are well or not."""
        return self.hosts[next(r["Member"] for r in self.members() if r["Role"] == "Leader")]

    def name_of(self, host: hosts.Host) -> str:
        """The name of a member in the inventory."""
        return next(name for name, member in self.hosts.items() if member is host)

    def tell(self) -> None:
        """Print what each host said of the cluster; they are removed at the end."""
        for host in self.hosts.values():
            said = host.ssh(SAID, check=False)
            print(host.name, said.stdout, flush=True)
