"""`fivebox slot`: move the API of this host between its two slots, without losing a request.

nginx connects to /run/fivebox/api.sock, a symbolic link to the socket of the slot that serves: a
change of the link needs no reload of nginx, which would close the idle connections of clients. The
connections that nginx keeps to the old slot end by themselves within seconds (keepalive_time).
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import lock
from ask import UnixConnection, get_json, to_nginx

ROOT = Path("/opt/fivebox")
RUN = Path("/run/fivebox")
ACTIVE = ROOT / "active"
GOOD = ROOT / "good"
# Of a release whose schema a later one has contracted.
OUTDATED = "outdated"
GUARD = ROOT / "slot.guard"
# While it is there the API answers 503 (maintenance.yml).
MAINTENANCE = RUN / "maintenance"
BOOT = Path("/etc/tmpfiles.d/fivebox-sockets.conf")
SLOTS = ("blue", "green")
SERVICES = ("fivebox-api", "fivebox-events")
HEALTHY_SECONDS = 60
# For a slot that was healthy before.
STILL_SECONDS = 5
PROOF_SECONDS = 15
DRAIN_SECONDS = 30
# As the units have it.
PRIORITY = -5
# Of a slot that starts: behind all else, also where systemd divides the processor.
GENTLY = "[Service]\nNice=5\nCPUWeight=10\n"
# Stops a slot that stays for a while; a transient timer, so a boot ends it too.
STANDBY = "fivebox-slot-standby"
# What the units of a slot are started with.
SETTINGS = [
    Path("/etc/fivebox/api.env"),
    *(Path(f"/etc/systemd/system/{service}@.service") for service in SERVICES),
]
# Flag of a socket that listens (__SO_ACCEPTCON), in /proc/net/unix.
LISTENING = 0x10000
# What systemd says of units that neither run nor start at a boot.
STOPPED = {"inactive", "failed", "disabled"}


class Fault(Exception):
    """What went wrong, in one line."""


def active():
    """The slot that serves; None on a host without one."""
    return ACTIVE.readlink().name if ACTIVE.is_symlink() else None


def serving():
    """The slot that serves; raises Fault on a host without one."""
    slot = active()
    if not slot:
        raise Fault("no release serves on this host yet; run site.yml")
    return slot


def idle():
    """The slot that does not serve."""
    return SLOTS[1] if active() == SLOTS[0] else SLOTS[0]


def release(slot):
    """Version of the release in a slot; None when it is empty."""
    link = ROOT / "slots" / str(slot)
    return link.readlink().name if link.is_symlink() else None


def sockets(slot):
    """Sockets of a slot by the names under which nginx knows them."""
    return {"api.sock": f"{slot}.sock", "events.sock": f"{slot}-events.sock"}


def units(slot):
    """Units of a slot."""
    return [f"{service}@{slot}" for service in SERVICES]


def systemctl(*words):
    """Run systemctl; raises Fault with what it says."""
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Fault(f"systemctl {' '.join(words)}: {said[0] if said else 'failed'}")


def shown(slot, *properties):
    """Values of properties of a slot's units, in no certain order."""
    asked = [f"--property={name}" for name in properties]
    words = ["systemctl", "show", "--value", *asked, *units(slot)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def main_processes(slot):
    """Main processes of a slot's units that run."""
    return [int(pid) for pid in shown(slot, "MainPID") if pid != "0"]


def children(pid):
    """Processes that a process has started; none when it has ended."""
    found = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def link(target, path):
    """Make a symbolic link, in place of one there is, in one step; one that is right stays."""
    if path.is_symlink() and path.readlink() == Path(target):
        return
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.rename(path)


def until(condition, seconds):
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def health(slot):
    """Status and JSON of what a slot says of its health."""
    return get_json(UnixConnection(RUN / f"{slot}.sock"), "/health")


def probe(slot, seconds=HEALTHY_SECONDS):
    """Ask a slot over its own sockets; raises Fault when it is not healthy in time."""
    version = release(slot)
    seen = {}

    def healthy():
        status, body = health(slot)
        seen.update(status=status, version=body.get("version"))
        # A database that is down must not keep a release that made it so from being taken back.
        like_the_other = (
            status == 503 and active() not in (None, slot) and health(active())[0] != 200
        )
        return (status == 200 or like_the_other) and body.get("version") == version

    if not until(healthy, seconds):
        raise Fault(
            f"slot {slot} should be healthy with release {version}, "
            f"and answers {seen['status']} with {seen['version']}"
        )
    for name, path, expected in (
        (f"{slot}.sock", "/openapi.json", 200),
        (f"{slot}.sock", "/v1/accounts/me", 401),
        (f"{slot}-events.sock", "/v1/events", 401),
    ):
        status, _ = get_json(UnixConnection(RUN / name), path)
        if status != expected and not (status == 503 and MAINTENANCE.exists()):
            raise Fault(f"slot {slot}: {path} answers {status} instead of {expected}")


def connections(slot):
    """Connections to the API's socket of a slot, also those not yet accepted."""
    path = str(RUN / f"{slot}.sock")
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return sum(row[-1] == path and not int(row[3], 16) & LISTENING for row in rows)


def drain(slot):
    """Wait until nobody is connected to a slot; whether that was so in time."""
    return until(lambda: connections(slot) == 0, DRAIN_SECONDS)


def start(version):
    """Start a release in the idle slot; one that stands by there only gets its events."""
    if not (ROOT / "releases" / version / "installed").exists():
        raise Fault(f"release {version} is not on this host")
    slot = idle()
    stays = stands_by(slot) and release(slot) == version and not stale(slot)
    end_standby()
    if stays:
        # One that has come to harm is started anew.
        with contextlib.suppress(Fault):
            bring_up(slot, PROOF_SECONDS)
            return
    drain(slot)
    systemctl("stop", *units(slot))
    link(ROOT / "releases" / version, ROOT / "slots" / slot)
    bring_up(slot, HEALTHY_SECONDS)


def bring_up(slot, seconds):
    """Start a slot, and see that it is healthy in time; else stop it, and raise Fault."""
    try:
        start_gently(slot)
        probe(slot, seconds)
    except Fault:
        systemctl("stop", *units(slot))
        raise
    set_priority(slot, PRIORITY)


def start_gently(slot):
    """Start the units of a slot behind the requests that the other slot answers meanwhile."""
    settings = [Path(f"/run/systemd/system/{unit}.service.d/gently.conf") for unit in units(slot)]
    for path in settings:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(GENTLY)
    systemctl("daemon-reload")
    try:
        systemctl("start", *units(slot))
    except Fault:
        told = f"release {release(slot)} does not start; see: journalctl -u 'fivebox-*@{slot}'"
        raise Fault(told) from None
    finally:
        for path in settings:
            path.unlink()
        systemctl("daemon-reload")


def set_priority(slot, nice):
    """Set the priority of all that a slot runs."""
    waiting = main_processes(slot)
    while waiting:
        pid = waiting.pop()
        # A process or a thread may end meanwhile.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
        waiting += children(pid)


def lead_to(slot):
    """Lead the traffic to a slot, now and after a boot."""
    text = "".join(f"L+ {RUN}/{name} - - - - {own}\n" for name, own in sockets(slot).items())
    # In one step: a boot must not find half of it.
    fresh = BOOT.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(BOOT)
    for name, own in sockets(slot).items():
        link(own, RUN / name)
    link(f"slots/{slot}", ACTIVE)


def served(nginx):
    """Version that answers behind the nginx of this host; None when nobody does."""
    return get_json(to_nginx(nginx), "/health")[1].get("version")


def serve(nginx):
    """Lead the traffic to the slot that was started, and prove it; else lead it back."""
    old, new = active(), idle()
    version = release(new)
    probe(new, STILL_SECONDS)
    # Before the links: should the power fail, the slot that they lead to must start.
    # systemd rereads all units when the other is disabled; now it would take the time of requests.
    systemctl("enable", "--quiet", "--no-reload", *units(new))
    lead_to(new)
    if nginx and not until(lambda: served(nginx) == version, PROOF_SECONDS):
        found = served(nginx)
        if old:
            lead_to(old)
            drain(new)
            systemctl("disable", "--quiet", "--now", *units(new))
        raise Fault(f"behind nginx answers {found or 'nobody'} instead of {version}")


def prove(nginx):
    """See that behind the nginx of this host what its links say answers, and is sound."""
    version = release(serving())
    status, health = get_json(to_nginx(nginx), "/health")
    if status == 200 and health.get("version") == version:
        return
    answered = f"{health.get('version') or 'nobody'} ({status})" if status else "nobody"
    down = [
        f"/health: {name} is {check['status']}"
        for name, check in health.get("checks", {}).items()
        if check["status"] != "up"
    ]
    told = f"behind nginx answers {answered} instead of {version} (200)"
    raise Fault("; ".join([told, *down]))


def retire(minutes=0):
    """Stop the slot that does not serve, for good, when nobody is connected to it any more.

    Args:
        minutes: that its API stays, without connections to the database, to take the traffic back
            at once.
    """
    # Should a move of the traffic have been cut off between its links.
    lead_to(serving())
    slot = idle()
    api, events = units(slot)
    drained = drain(slot)
    systemctl("disable", "--quiet", *units(slot))
    end_standby()
    systemctl("stop", *([events] if minutes else units(slot)))
    for pid in main_processes(slot):
        # Fresh workers of the same code: those that served hold memory and connections. A long
        # upload goes on.
        if drained:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)
        timer = ["--quiet", "--collect", f"--unit={STANDBY}", f"--on-active={minutes * 60:.0f}"]
        words = ["systemd-run", *timer, "/usr/local/sbin/fivebox", "slot", "expire"]
        if subprocess.run(words, check=False).returncode:
            systemctl("stop", api)


def expire():
    """Stop the slot that stood by; its timer does so."""
    systemctl("stop", *units(idle()))


def clear():
    """Stop the slot that does not serve, unless it stands by."""
    if not stands_by(idle()):
        retire()


def stands_by(slot):
    """Whether the API of a slot that does not serve stays for a while."""
    words = ["systemctl", "is-active", "--quiet"]
    asked = (f"{STANDBY}.timer", units(slot)[0])
    return all(subprocess.run([*words, unit], check=False).returncode == 0 for unit in asked)


def end_standby():
    """Forget that a slot is to be stopped later."""
    # Neither is there when nothing stands by.
    words = ["systemctl", "stop", "--quiet", f"{STANDBY}.timer", f"{STANDBY}.service"]
    subprocess.run(words, capture_output=True, check=False)


def another_s(key):
    """The lock, when another than the caller with this key holds it."""
    held = lock.held()
    return held if held and held["key"] != key else None


def stale(slot):
    """Whether the settings have changed since a slot began to use them."""
    times = map(int, shown(slot, "ExecMainStartTimestampMonotonic"))
    begun = min(filter(None, times), default=0) / 1_000_000
    changed = max(path.stat().st_mtime for path in SETTINGS)
    return time.time() - time.monotonic() + begun < changed


def renew(key):
    """Serve the same release with the settings as they are now.

    Args:
        key: of the lock, when the caller holds it.
    """
    if held := another_s(key):
        raise Fault(f"{lock.told(held)}; once it is free, run: fivebox slot renew")
    version = release(serving())
    start(version)
    serve("")
    retire()


def stop():
    """Stop what serves, for good, once nobody is connected any more."""
    slot = serving()
    drain(slot)
    systemctl("disable", "--quiet", "--now", *units(slot), *units(idle()))
    end_standby()
    print("stopped")


def ensure(key):
    """Bring the host to what its links say: one slot serves, now and after a boot, as is set.

    Tells when the slot was started; when it had not taken over its settings, since a renewal had
    failed; and when another was stopped, which a deploy that was cut off had left running.

    Args:
        key: of the lock, when the caller holds it.
    """
    slot = serving()
    lead_to(slot)
    if set(shown(slot, "ActiveState", "UnitFileState")) != {"active", "enabled"}:
        systemctl("enable", "--quiet", "--now", *units(slot))
        print("started")
    probe(slot)
    if another_s(key):
        return
    if stale(slot):
        renew(key)
        print("renewed")
    elif not stands_by(idle()) and set(shown(idle(), "ActiveState", "UnitFileState")) - STOPPED:
        retire()
        print("stopped")


def good(version, forget):
    """Note that a release is good.

    Args:
        version: of the release; that which serves when it is None.
        forget: forget those that were good after it, as after a rollback.
    """
    version = version or release(active())
    known = kept_good()
    known = known[: known.index(version)] if forget and version in known else known
    GOOD.write_text("".join(f"{v}\n" for v in [*(v for v in known if v != version), version]))


def kept_good():
    """Good releases that this host still has, the newest last."""
    names = GOOD.read_text().split() if GOOD.exists() else []
    return [name for name in names if (ROOT / "releases" / name / "installed").exists()]


def recover():
    """Go back to the last good release, if the host stopped before what serves was known to be one.

    A deploy that loses a host takes the others back.
    """
    version, known = release(serving()), kept_good()
    if not known or known[-1] == version or (ROOT / "releases" / known[-1] / OUTDATED).exists():
        return
    start(known[-1])
    serve("")
    retire()
    print(f"back on {known[-1]}; the host stopped before {version} was known to be good")


def outdate(version):
    """Note that migrations of a release leave the schema unfit for the others on this host."""
    for folder in (ROOT / "releases").iterdir():
        if folder.name != version:
            (folder / OUTDATED).touch()


def prune(count):
    """Remove all but the newest releases, never one that a slot holds or that was good last."""
    held = {release(slot) for slot in SLOTS} | set(kept_good()[-2:])
    folders = sorted((ROOT / "releases").iterdir(), key=lambda f: f.stat().st_mtime, reverse=True)
    for folder in [f for f in folders if f.name not in held][max(0, count - len(held)) :]:
        shutil.rmtree(folder)
        print(f"removed {folder.name}")


def show():
    """Print what this host serves, as JSON."""
    current = release(active())
    before = [version for version in kept_good() if version != current]
    print(
        json.dumps(
            {
                "slot": active(),
                "release": current,
                "good": (kept_good() or [None])[-1],
                "back": before[-1] if before else None,
                "releases": sorted(f.parent.name for f in ROOT.glob("releases/*/installed")),
                "outdated": sorted(f.parent.name for f in ROOT.glob(f"releases/*/{OUTDATED}")),
            }
        )
    )


def main():
    """Do what the words of the command line say; a fault is one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)

    def add(run, help_text):
        verb = verbs.add_parser(run.__name__, help=help_text)
        verb.set_defaults(run=run)
        return verb

    add(start, "start a release in the idle slot").add_argument("version")
    verb = add(serve, "lead the traffic to it, and prove it behind nginx")
    verb.add_argument("nginx", nargs="?", default="", help="URL that nginx serves on this host")
    add(prove, "see that it answers behind nginx").add_argument("nginx", help="URL, as for serve")
    verb = add(retire, "stop the slot that does not serve, once nobody uses it")
    verb.add_argument("minutes", nargs="?", type=float, default=0, help="that its API stays")
    add(clear, "stop the slot that does not serve, unless it stands by")
    add(expire, "stop the slot that stood by")
    for run, text in (
        (renew, "serve the same release with changed settings"),
        (ensure, "let one slot run, with the settings as they are; nothing is done twice"),
    ):
        verb = add(run, text)
        verb.add_argument("key", nargs="?", default="", help="of the lock, when it is one's own")
    add(stop, "stop what serves, for good, once nobody uses it")
    verb = add(good, "note that a release is good")
    verb.add_argument("version", nargs="?", help="else that which serves")
    verb.add_argument("--forget", action="store_true", help="and that later ones are not")
    add(recover, "after a boot: go back to the last good release, if another serves")
    verb = add(outdate, "note that the schema no longer suits the other releases")
    verb.add_argument("version", help="that contracted it")
    add(prune, "remove old releases").add_argument("count", type=int)
    add(show, "print what this host serves")
    words = vars(parser.parse_args())
    run = words.pop("run")
    try:
        with GUARD.open("w") as guard:
            # One change at a time.
            if run not in (show, prove):
                fcntl.flock(guard, fcntl.LOCK_EX)
            run(**words)
    except Fault as fault:
        sys.exit(f"fivebox slot: {fault}")


if __name__ == "__main__":
    main()
