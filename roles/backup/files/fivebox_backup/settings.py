"""What the role wrote about this host."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path("/etc/pgbackrest/fivebox.json")
STANZA = "fivebox"
DATABASE = "fivebox"
# Of its own: replaced data, a scratch cluster and the drill's.
WORK = Path("/var/lib/fivebox-backup")
TEXTFILES = Path("/var/lib/prometheus/node-exporter")


@dataclass(frozen=True)
class Repository:
    """A place that holds backups.

    Attributes:
        number: pgBackRest's.
        place: for people.
        local: whether it is this host's own disk.
        files: environment of restic for the files' repository.
        options: further options of restic.
    """

    number: int
    place: str
    local: bool
    files: dict[str, str]
    options: list[str]


@dataclass(frozen=True)
class Settings:
    """The settings.

    Attributes:
        version: of PostgreSQL.
        days: for which backups are kept.
        files: folders that are backed up beside the database.
        users: patterns of the units that use the database.
        after_restore: SQL for a restored database.
        repositories: where backups go.
    """

    version: int
    days: int
    files: list[str]
    users: list[str]
    after_restore: str
    repositories: list[Repository]

    @property
    def data(self) -> Path:
        """Folder of the live cluster."""
        return Path(f"/var/lib/postgresql/{self.version}/main")

    @property
    def programs(self) -> Path:
        """Folder of PostgreSQL's programs."""
        return Path(f"/usr/lib/postgresql/{self.version}/bin")

    @property
    def unit(self) -> str:
        """The live cluster's unit."""
        return f"postgresql@{self.version}-main"


def load() -> Settings:
    """Read the settings, and make the place for data."""
    WORK.mkdir(exist_ok=True)
    # The folders in it are the database's user's.
    WORK.chmod(0o711)
    values: dict[str, Any] = json.loads(FILE.read_text())
    repositories = [Repository(**each) for each in values.pop("repositories")]
    return Settings(**values, repositories=repositories)
