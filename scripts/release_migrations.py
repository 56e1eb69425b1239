"""List the migrations of a release that come after a revision, as JSON; deploy.yml asks.

A migration that drops or renames what the release before still uses says so by `contract = "why"`.
"""

import ast
import json
import sys
import tarfile
from pathlib import PurePosixPath
from typing import Any

FOLDER = "migrations/versions"
NAMES = ("revision", "down_revision", "contract")


def main(archive: str, current: str) -> None:
    """Print `[{"revision": …, "contract": … or null}]`, the oldest first.

    Args:
        archive: path of the release.
        current: last revision that the database has had; "" for none.
    """
    with tarfile.open(archive) as release:
        sources = [
            release.extractfile(member).read()  # type: ignore[union-attr]
            for member in release.getmembers()
            if PurePosixPath(member.name).parent == PurePosixPath(FOLDER) and member.isfile()
        ]
    print(json.dumps(pending([constants(source.decode()) for source in sources], current)))


def constants(source: str) -> dict[str, Any]:
    """What the module-level assignments of a migration say about it."""
    found: dict[str, Any] = dict.fromkeys(NAMES)
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target, value = node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            target, value = node.target.id, node.value
        else:
            continue
        if target in NAMES:
            found[target] = ast.literal_eval(value)
    return found


def pending(migrations: list[dict[str, Any]], current: str) -> list[dict[str, Any]]:
    """The migrations after a revision; none when the release does not know it, being older."""
    after = {migration["down_revision"]: migration for migration in migrations}
    listed, revision = [], current or None
    while revision in after:
        step = after[revision]
        listed.append({"revision": step["revision"], "contract": step["contract"]})
        revision = step["revision"]
    return listed


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
