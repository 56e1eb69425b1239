"""What to restore to, and from which backup."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

import points
import timelines
from programs import Fault
from repository import Backup, backups
from settings import Repository, Settings


@dataclass(frozen=True)
class Target:
    """What to restore to.

    Attributes:
        at: the moment; None for the newest.
        point: a restore point's full name.
        repository: number of the one to take; 0 takes the first that has what is needed.
        timeline: to follow; 0 takes the one that was the server's at that moment.
        label: of the backup to begin from; empty for the newest sound one that leads there.
    """

    at: float | None = None
    point: str = ""
    repository: int = 0
    timeline: int = 0
    label: str = ""


@dataclass(frozen=True)
class Source:
    """Where a restore comes from, and the timeline that it follows."""

    repository: Repository
    backup: Backup
    target: Target
    timeline: int

    def newest_segment(self) -> str:
        """The segment of WAL that a restore to the newest state must come to; else empty.

        Raises:
            Fault: the repository does not answer.
        """
        if self.target.point or self.target.at is not None:
            # PostgreSQL itself fails when it does not come to a target.
            return ""
        return timelines.newest_segment(self.repository, self.backup.archive, self.timeline)

    def __str__(self) -> str:
        return f"{self.repository.place}: {self.backup.label}, timeline {self.timeline}"

    def options(self) -> list[str]:
        """Options of pgBackRest's restore."""
        # The history of the backup's own need not be there.
        line = "current" if self.backup.timeline == self.timeline else str(self.timeline)
        words = [f"--set={self.backup.label}", f"--target-timeline={line}"]
        if self.target.point:
            words += ["--type=name", f"--target={self.target.point}"]
        elif self.target.at is not None:
            moment = datetime.fromtimestamp(self.target.at, UTC)
            words += ["--type=time", f"--target={moment:%Y-%m-%d %H:%M:%S.%f+00}"]
        else:
            return words
        return [*words, "--target-action=promote"]


def parse(text: str) -> Target:
    """Read a moment: latest, a time with its zone, or the full name of a restore point.

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


def choose(settings: Settings, target: Target) -> Source:
    """Find the newest sound backup that leads to a target.

    Args:
        settings: of the role.
        target: of the restore.

    Raises:
        Fault: there is none; the text says what each repository has.
    """
    faults = []
    for repository in settings.repositories:
        if target.repository not in (0, repository.number):
            continue
        try:
            return _choose(settings, repository, target)
        except Fault as fault:
            faults.append(f"{repository.place}: {fault}")
    raise Fault("; ".join(faults) or f"there is no repository {target.repository}")


def _choose(settings: Settings, repository: Repository, target: Target) -> Source:
    known = backups(repository)
    if not known:
        raise Fault("there is no backup yet")
    if known[-1].version != str(settings.version):
        raise Fault(
            f"the backups are of PostgreSQL {known[-1].version}, this host has {settings.version}; "
            "restore onto a host with that Debian"
        )
    at = target.at if target.at is not None else inf
    archive = known[-1].archive
    archived = timelines.histories(repository, archive)
    begun = timelines.begun(archived, known)
    at_that_moment = max((each for each in begun if begun[each] <= at), default=min(begun))
    timeline = target.timeline or at_that_moment
    # Beyond where it left them, those before are branches that nobody went on with.
    left = timelines.forks(repository, archive, timeline) if timeline in archived else {}
    ends = {**left, timeline: inf}
    leading = [each for each in known if each.position <= ends.get(each.timeline, -1)]
    if not leading:
        others = ", ".join(str(each) for each in sorted(begun))
        raise Fault(f"no backup leads to timeline {timeline}; there are {others} (--timeline)")
    # A backup that ended within the second of the target may have ended after it.
    fitting = [each for each in leading if each.ended < at]
    if not fitting:
        oldest = datetime.fromtimestamp(leading[0].ended, UTC)
        raise Fault(
            f"the oldest backup is of {oldest:%Y-%m-%dT%H:%M:%SZ}; nothing before it is left"
        )
    if target.label:
        fitting = [each for each in fitting if each.label == target.label]
        if not fitting:
            raise Fault(f"there is no backup {target.label} that leads there")
    sound = [each for each in fitting if not each.damaged]
    if not sound:
        print(f"{fitting[-1].label} has damaged pages, and none before is sound.", flush=True)
    return Source(repository, (sound or fitting)[-1], target, timeline)
