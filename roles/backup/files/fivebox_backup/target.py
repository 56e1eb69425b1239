"""What to restore to, and from which backup."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import points
from programs import Fault
from repository import Backup, backups, refuse_wrong_clock
from settings import Repository, Settings


@dataclass(frozen=True)
class Target:
    """A moment to restore to; `at` is None for the newest, `point` a restore point's full name."""

    at: float | None = None
    point: str = ""


@dataclass(frozen=True)
class Source:
    """Where a restore comes from."""

    repository: Repository
    backup: Backup
    target: Target

    def options(self) -> list[str]:
        """Options of pgBackRest's restore."""
        words = [f"--set={self.backup.label}"]
        if self.target.point:
            words += ["--type=name", f"--target={self.target.point}"]
        elif self.target.at is not None:
            moment = datetime.fromtimestamp(self.target.at, UTC)
            words += ["--type=time", f"--target={moment:%Y-%m-%d %H:%M:%S.%f+00}"]
        return words if len(words) == 1 else [*words, "--target-action=promote"]


def parse(text: str) -> Target:
    """Read a target: latest, a time with its zone, or the full name of a restore point.

    Raises:
        Fault: it is none of these, or lies in the future.
    """
    if text == "latest":
        return Target()
    if "@" in text:
        target = Target(points.moment(text), text)
    else:
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise Fault(
                f"{text}: is neither latest, nor a time such as 2026-11-21T11:04:05Z, nor a "
                "restore point such as release@20261121T110405Z"
            ) from None
        if moment.tzinfo is None:
            raise Fault(f"{text}: a time needs its zone, such as {text}Z or {text}+01:00")
        target = Target(moment.timestamp())
    if target.at is not None and target.at > time.time():
        raise Fault(f"{text}: lies in the future; it is {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return target


def choose(settings: Settings, target: Target, number: int) -> Source:
    """Find the newest backup that leads to a target.

    Args:
        settings: of the role.
        target: of the restore.
        number: of the repository; 0 takes the first that has what is needed.

    Raises:
        Fault: there is none; the text says what each repository has.
    """
    faults = []
    for repository in settings.repositories:
        if number not in (0, repository.number):
            continue
        try:
            return Source(repository, _choose(settings, repository, target), target)
        except Fault as fault:
            faults.append(f"{repository.place}: {fault}")
    raise Fault("; ".join(faults) or f"there is no repository {number}")


def _choose(settings: Settings, repository: Repository, target: Target) -> Backup:
    known = backups(repository)
    if not known:
        raise Fault("there is no backup yet")
    refuse_wrong_clock(known)
    if known[-1].version != str(settings.version):
        raise Fault(
            f"the backups are of PostgreSQL {known[-1].version}, this host has {settings.version}; "
            "restore onto a host with that Debian"
        )
    fitting = [each for each in known if target.at is None or each.ended <= target.at]
    if not fitting:
        oldest = datetime.fromtimestamp(known[0].ended, UTC)
        raise Fault(
            f"the oldest backup is of {oldest:%Y-%m-%dT%H:%M:%SZ}; nothing before it is left"
        )
    return fitting[-1]
