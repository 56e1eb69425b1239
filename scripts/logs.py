"""Show what the hosts of an inventory have logged: `make logs ENV=mine REQUEST=<id>`.

Where a monitor host of its own collects the logs, it alone is asked; else every host is.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.inventory import PROGRAMS, listed

ROOT = Path(__file__).resolve().parent.parent

MOST_LINES = 2000
NGINX = ["--identifier", "nginx"]
SSH, SYSTEM = ["sshd", "sshd-session", "sudo"], ["kernel", "systemd"]
FAULTS = (
    r'"level":"(error|critical)"|"status":5[0-9][0-9]|(ERROR|FATAL|PANIC):|\[(error|crit|alert)\]|'
    r"Failed |failed |Main process exited|Out of memory|Killed process"
)
# What ONLY= takes, and the arguments of journalctl that find it.
SEARCHES = {
    "access": [*NGINX, "--grep", '"event_kind":"access"'],
    "api": ["--unit", "fivebox-*"],
    "errors": ["--case-sensitive", "--grep", FAULTS],
    "nginx": NGINX,
    "postgresql": ["--identifier", "postgresql", "--identifier", "postgres"],
    "redis": ["--unit", "redis-server"],
    "slow": ["--grep", '"event_kind":"slow_request"|duration: [0-9.]+ ms'],
    "ssh": [word for name in SSH for word in ("--identifier", name)],
    "system": [word for name in SYSTEM for word in ("--identifier", name)],
}
KNOWN_IN_THE_LINE = {"timestamp", "service", "version", "level", "event", "exception", "route"}

# What begins a line, steers a terminal, or turns the direction of the text.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

Entry = dict[str, Any]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("environment", help="name of the inventory")
    parser.add_argument("--request", default="", help="id of a request or of a trace")
    parser.add_argument("--only", default="", help=", ".join(SEARCHES))
    parser.add_argument("--since", default="", help="as journalctl takes it")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.add_argument("-e", "--extra-vars", action="append", default=[], help="as of Ansible")
    given = parser.parse_args()
    inventory = ROOT / "inventories" / given.environment
    if not (inventory / "hosts.yml").is_file():
        sys.exit(f"ENV: there is no inventories/{given.environment}")
    extra = [word for value in given.extra_vars for word in ("-e", value)]
    answers = _ask(inventory, _arguments(given), extra)
    entries = sorted(_entries(answers), key=lambda entry: entry["time"])
    if not entries:
        sys.exit('Nothing was found; SINCE="3 days ago" looks further back.')
    for entry in entries:
        print(plain(json.dumps(entry, ensure_ascii=False)) if given.json else show(entry))


def _arguments(given: argparse.Namespace) -> list[str]:
    if given.only and given.only not in SEARCHES:
        sys.exit(f"ONLY: {given.only} is none of {', '.join(SEARCHES)}")
    if given.request and not re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given.request):
        sys.exit("REQUEST: give the value of an X-Request-ID header, or a trace's id")
    if given.request and "--grep" in SEARCHES.get(given.only, []):
        sys.exit(f"REQUEST and ONLY={given.only} exclude each other")
    since = given.since or ("7 days ago" if given.request else "15 minutes ago")
    grep = ["--grep", given.request.replace(".", r"\.")] if given.request else []
    return [str(MOST_LINES), "--since", since, *SEARCHES.get(given.only, []), *grep]


def _ask(inventory: Path, arguments: list[str], extra: list[str]) -> dict[str, str]:
    """What each host found."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "found.json"
        wanted = {
            "logs_arguments": arguments,
            "logs_into": str(target),
            "logs_from": _from(inventory),
        }
        done = subprocess.run(
            [
                *(PROGRAMS / "ansible-playbook", "-i", inventory, "playbooks/logs.yml"),
                *(*extra, "-e", json.dumps(wanted)),
            ],
            cwd=ROOT,
            # The hosts would log the search, which then finds itself.
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_NO_TARGET_SYSLOG": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if not target.exists():
            sys.exit(done.stdout + done.stderr)
        for host in re.findall(r"^fatal: \[([^]]+)]", done.stdout, re.M):
            print(f"{host} does not answer; its lines are missing.", file=sys.stderr)
        found: dict[str, str] = json.loads(target.read_text())
    return found


def _from(inventory: Path) -> str:
    groups = listed(inventory)
    monitors = groups.get("monitor", {}).get("hosts", [])
    others = set(groups["_meta"]["hostvars"]) - set(monitors)
    return "monitor" if monitors and others else "all"


def _entries(answers: dict[str, str]) -> Iterator[Entry]:
    seen = set()
    for host, text in answers.items():
        for line in text.splitlines():
            raw = json.loads(line)
            message = raw.get("MESSAGE") or ""
            # What is no text comes as its bytes.
            if isinstance(message, list):
                message = bytes(message).decode(errors="replace")
            # A line that was shipped again after a break is there twice.
            identity = (raw["_BOOT_ID"], raw["__MONOTONIC_TIMESTAMP"], message)
            if identity in seen:
                continue
            seen.add(identity)
            parsed = _message(message)
            yield {
                "time": _time(raw, parsed).isoformat(timespec="microseconds"),
                "host": raw.get("_HOSTNAME", host),
                "from": raw.get("SYSLOG_IDENTIFIER") or raw.get("_SYSTEMD_UNIT") or "-",
                "unit": raw.get("_SYSTEMD_UNIT", ""),
                **parsed,
            }


def _time(raw: Entry, parsed: Entry) -> datetime:
    """When it happened: the API writes the lines of requests a moment later."""
    if parsed.get("service") == "fivebox":
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return datetime.fromisoformat(parsed["timestamp"]).astimezone(UTC)
    return datetime.fromtimestamp(int(raw["__REALTIME_TIMESTAMP"]) / 1_000_000, UTC)


def _message(text: str) -> Entry:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {"message": text}
    return parsed if isinstance(parsed, dict) else {"message": text}


def plain(text: str) -> str:
    """A text in which control characters are shown, as JSON writes them."""
    return CONTROLS.sub(lambda found: json.dumps(found[0])[1:-1], text)


def show(entry: Entry) -> str:
    """One line for people: when, where, who, what; the stack of an error indented below it.

    Whoever sends a request has a say in what is logged: nothing of it begins a line, or steers the
    terminal.
    """
    head = f"{entry['time'][:23]} {entry['host']:<12} {_name(entry):<12}"
    if "message" in entry:
        return plain(f"{head} {entry['message']}")
    words = [str(entry.get("event", "")), str(entry.get("route", ""))]
    words += [
        f"{name}={value}"
        for name, value in entry.items()
        if name not in KNOWN_IN_THE_LINE | {"time", "host", "from", "unit"}
        and value not in (None, "")
    ]
    stack = str(entry.get("exception", "")).splitlines()
    lines = [" ".join([head, *filter(None, words)]), *(f"    {line}" for line in stack)]
    return "\n".join(map(plain, lines))


def _name(entry: Entry) -> str:
    if entry.get("service") == "fivebox":
        return "events" if entry["unit"].startswith("fivebox-events") else "api"
    return str(entry["from"])


if __name__ == "__main__":
    main()
