"""`fivebox lock`: one deploy at a time; the lock names its holder, and expires."""

import argparse
import fcntl
import json
import secrets
import sys
import time
from pathlib import Path

LOCK = Path("/opt/fivebox/lock")


def written():
    """The lock that was taken last, though it may have expired; None when it was given back."""
    try:
        return json.loads(LOCK.read_text())
    except (FileNotFoundError, ValueError):
        return None


def held():
    """The lock in force; None when there is none, or it has expired."""
    lock = written()
    return lock if lock and lock["expires"] > time.time() else None


def told(lock):
    """A lock in words."""
    since, until = (time.strftime("%H:%M:%S", time.gmtime(lock[at])) for at in ("since", "expires"))
    return f"{lock['holder']} holds the lock since {since} UTC; it expires at {until} UTC"


def write(lock):
    """Put the lock in force from now on, for its minutes."""
    LOCK.write_text(json.dumps(lock | {"expires": time.time() + 60 * lock["minutes"]}))


def take(holder, minutes, force):
    """Take the lock and print the key that gives it back; ends with who has it otherwise.

    Tells whose it was, if they never gave it back.
    """
    if lock := held():
        if not force:
            sys.exit(f"fivebox lock: {told(lock)}")
        print(f"taken over: {told(lock)}", file=sys.stderr)
    elif lock := written():
        print(f"never given back: {told(lock)}", file=sys.stderr)
    key = secrets.token_hex(8)
    write({"holder": holder, "key": key, "since": time.time(), "minutes": minutes})
    print(key)


def hold(key):
    """Hold the lock for as long again; ends with a line when another has taken it since."""
    lock = written()
    # One that expired while the operator's machine slept, and that nobody took, is one's own still.
    if not lock or lock["key"] != key:
        lock = held()
        sys.exit(f"fivebox lock: {told(lock) if lock else 'another has had the lock since'}")
    write(lock)


def check():
    """End with a line when somebody holds the lock."""
    if lock := held():
        sys.exit(f"fivebox lock: {told(lock)}")


def free(key):
    """Give the lock back; another's is left alone."""
    lock = held()
    if lock and lock["key"] == key:
        LOCK.unlink()


def show():
    """Print who holds the lock."""
    lock = held()
    print(told(lock) if lock else "free")


def main():
    """Do what the words of the command line say, one process at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    words = {take: {"holder": str, "minutes": float}, hold: {"key": str}, free: {"key": str}}
    for run, arguments in {**words, check: {}, show: {}}.items():
        verb = verbs.add_parser(run.__name__, help=run.__doc__)
        verb.set_defaults(run=run)
        for name, kind in arguments.items():
            verb.add_argument(name, type=kind)
        if run is take:
            verb.add_argument("--force", action="store_true", help="from whoever holds it")
    given = vars(parser.parse_args())
    with LOCK.with_suffix(".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        given.pop("run")(**given)


if __name__ == "__main__":
    main()
