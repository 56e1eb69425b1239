"""Which API hosts get the release that the others serve, and from which archive; site.yml asks.

Standard input has JSON: `answers`, what each API host of the inventory said, by its name: a line
with the time at which it noted a good release, then what `fivebox slot show` prints; "" for a host
that has none, or does not answer; `hosts`, those of this run; `archives`, files and folders where
the release may be.
"""

import json
import sys
from pathlib import Path

REMEDY = (
    "copy it from where it was built, or build it from its commit with make release; "
    "or name it: -e fivebox_release=$PWD/{archive}"
)


def main() -> int:
    """Print JSON, the archive by the host that needs it; or what is missing, and exit with 1."""
    given = json.load(sys.stdin)
    release, behind = lagging(given["answers"], given["hosts"])
    name = f"fivebox-{release}.tar.gz"
    places = [Path(path) if path.endswith(name) else Path(path, name) for path in given["archives"]]
    found = [place for place in places if place.is_file()]
    if behind and not found:
        hosts = ", ".join(behind)
        remedy = REMEDY.format(archive=f"dist/{name}")
        print(f"{hosts}: the fleet serves {release}, and there is no dist/{name}; {remedy}")
        return 1
    print(json.dumps({host: str(found[0]) for host in behind}))
    return 0


def lagging(answers: dict[str, str], hosts: list[str]) -> tuple[str, list[str]]:
    """The release of the fleet, "" when it has none yet, and the hosts that lack it.

    It is the one found good last: deploy.yml and rollback.yml note that on every host they reach.
    What a host serves at the moment says less: a deploy may be under way.

    Args:
        answers: of the hosts, as above.
        hosts: to choose from.
    """
    marks = {}
    for host, answer in answers.items():
        moment, _, shown = answer.partition("\n")
        good = json.loads(shown)["good"] if shown else None
        if good:
            marks[host] = (int(moment), good)
    if not marks:
        return "", []
    _, release = max(marks.values())
    return release, [host for host in hosts if marks.get(host, (0, ""))[1] != release]


if __name__ == "__main__":
    sys.exit(main())
