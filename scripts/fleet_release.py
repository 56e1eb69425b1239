"""Which API hosts get the release that the others serve, and from which archive; site.yml asks.

Standard input has JSON: `answers`, what each API host of the inventory said, by its name: a line
with the time at which it noted a good release, then what `fivebox slot show` prints; "" for a host
that has none, or does not answer; `hosts`, those of this run; `named`, the archive that the
operator names, or ""; `dist`, the folder of archives.
"""

import json
import sys
from pathlib import Path

NAME = "fivebox-{}.tar.gz"
REMEDY = (
    "copy it from where it was built, or build it from its commit with make release; "
    "or name it: -e fivebox_release=$PWD/dist/{}"
)


class Unclear(Exception):
    """The hosts do not agree on a release."""


def main() -> int:
    """Print JSON, the archive by the host that needs it; or what is missing, and exit with 1."""
    given = json.load(sys.stdin)
    try:
        release, behind = lagging(given["answers"], given["hosts"], Path(given["named"]).name)
    except Unclear as unclear:
        print(unclear)
        return 1
    name = NAME.format(release)
    named = Path(given["named"])
    archive = named if named.name == name else Path(given["dist"], name)
    if behind and not archive.is_file():
        lack = f"the fleet serves {release}, and there is no dist/{name}"
        print(f"{', '.join(behind)}: {lack}; {REMEDY.format(name)}")
        return 1
    print(json.dumps({host: str(archive) for host in behind}))
    return 0


def lagging(answers: dict[str, str], hosts: list[str], named: str = "") -> tuple[str, list[str]]:
    """The release of the fleet, "" when it has none yet, and the hosts that lack it.

    It is the one found good last: deploy.yml and rollback.yml note that on every host they reach.
    What a host serves at the moment says less: a deploy may be under way.

    Args:
        answers: of the hosts, as above.
        hosts: to choose from.
        named: name of the archive of the release, when the operator says which one it is.

    Raises:
        Unclear: it is not the release of most hosts that have one. One that served elsewhere
            before does not bring its release to a whole fleet.
    """
    marks = {}
    for host, answer in answers.items():
        moment, _, shown = answer.partition("\n")
        good = json.loads(shown)["good"] if shown else None
        if good:
            marks[host] = (int(moment), good)
    if not marks:
        return "", []
    releases = {NAME.format(good): good for _, good in marks.values()}
    _, newest = max(marks.values())
    release = releases.get(named, newest)
    others = [host for host, (_, good) in marks.items() if good != release]
    if named not in releases and 2 * len(others) >= len(marks):
        told = ", ".join(f"{host} with {good}" for host, (_, good) in sorted(marks.items()))
        raise Unclear(
            f"the API hosts were found good with different releases ({told}); say which one the "
            f"fleet serves: -e fivebox_release=$PWD/dist/{NAME.format('VERSION')}"
        )
    return release, [host for host in hosts if marks.get(host, (0, ""))[1] != release]


if __name__ == "__main__":
    sys.exit(main())
