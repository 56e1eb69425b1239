"""Backups of this host: `fivebox-backup VERB`."""

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import metrics
from backup import FULL_ASKED, POINT, back_up, begin_backup, link_point, prepare
from drill import drill
from points import make
from programs import Fault
from restore import beside, check, discard, restore
from server import stands_by
from settings import Settings, load
from target import Target, parse


def main() -> None:
    """The command line; a fault is one line and exit status 1."""
    arguments = _arguments()
    if os.geteuid():
        sys.exit("fivebox-backup: needs root")
    try:
        _obey(load(), arguments)
    except Fault as fault:
        sys.exit(f"fivebox-backup {arguments.verb}: {fault}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fivebox-backup", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    running = verbs.add_parser("run", help="back up: fully once a day, else what changed")
    running.add_argument("--full", action="store_true", help="fully, also when that is not due")
    running.add_argument("--trust-clock", action="store_true", help="though no time server does")
    preparing = verbs.add_parser("prepare", help="make the storage ready, and back up a first time")
    preparing.add_argument("mark", type=Path, help="file to make when that is done")
    verbs.add_parser("drill", help="restore the newest backup beside the live server and compare")
    verbs.add_parser("point", help="make a restore point; prints its full name").add_argument(
        "name"
    )
    verbs.add_parser("status", help="one word or two about the newest backup")
    for verb, help_text in (
        ("check", "whether a restore would go through; changes nothing"),
        ("restore", "replace the database of this host"),
        ("beside", "restore into a cluster beside the live one"),
    ):
        restoring = verbs.add_parser(verb, help=help_text)
        restoring.add_argument("--to", default="latest", help="latest, a time, or a restore point")
        restoring.add_argument("--repository", type=int, default=0, help="1, or 2 for the copy")
        restoring.add_argument("--set", default="", help="label of the backup to begin from")
        restoring.add_argument("--timeline", type=int, default=0, help="to follow")
        if verb == "restore":
            restoring.add_argument("--sessions", choices=["end", "keep"], default="end")
            restoring.add_argument("--lossy", action="store_true", help="give newest writes up")
    verbs.add_parser("discard", help="delete replaced data and the cluster beside the live one")
    words = sys.argv[1:]
    return parser.parse_args(["point", *words] if Path(sys.argv[0]).name == POINT.name else words)


def _obey(settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.verb in ("run", "drill", "prepare", "status") and stands_by():
        _stand_by(arguments)
    elif arguments.verb == "run":
        back_up(settings, arguments.full, arguments.trust_clock)
    elif arguments.verb == "prepare":
        prepare(settings)
        arguments.mark.touch()
        begin_backup()
    elif arguments.verb == "drill":
        drill(settings)
    elif arguments.verb == "point":
        print(make(arguments.name))
    elif arguments.verb == "status":
        print(_status(settings))
    elif arguments.verb == "check":
        print(check(settings, _target(arguments)))
    elif arguments.verb == "restore":
        restore(settings, _target(arguments), arguments.sessions, arguments.lossy)
    elif arguments.verb == "beside":
        beside(settings, _target(arguments))
    else:
        discard(settings)


def _target(arguments: argparse.Namespace) -> Target:
    wanted = parse(arguments.to)
    chosen = {"repository": arguments.repository, "timeline": arguments.timeline}
    return replace(wanted, **chosen, label=arguments.set)


def _stand_by(arguments: argparse.Namespace) -> None:
    """What a member of a cluster does that does not lead: the storage is the same for all."""
    # The primary has been asked too.
    FULL_ASKED.unlink(missing_ok=True)
    if arguments.verb == "prepare":
        link_point()
        arguments.mark.touch()
    elif arguments.verb != "status":
        metrics.remove("backup", "drill")
    print("standby")


def _status(settings: Settings) -> str:
    ends = [
        metrics.read(f"backup-{each.number}", "backup_last_success_timestamp")
        for each in settings.repositories
    ]
    known = [end for end in ends if end]
    age = f"{(time.time() - min(known)) / 3600:.0f}h" if len(known) == len(ends) else "never"
    return age + (" (same disk!)" if all(each.local for each in settings.repositories) else "")


if __name__ == "__main__":
    main()
