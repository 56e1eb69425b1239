"""Compare the migrations of a release with the database's last one, as JSON; deploy.yml asks.

A migration that drops or renames what the release before still uses says so by `contract = "why"`.
"""

import ast
import json
import sys
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

FOLDER = "migrations/versions"
# An archive may be older than the database; then this project tells what came since.
OURS = Path(__file__).resolve().parents[1] / FOLDER
NAMES = ("revision", "down_revision", "contract")


def main(archive: str, current: str) -> None:
    """Print `{"pending": steps, "contracted": steps or null}`, the oldest first.

    A step is `{"revision": …, "contract": … or null}`. The database is to have what is pending;
    on what it has had since and contracted the release may fail.

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
    theirs = [constants(source.decode()) for source in sources]
    ours = [constants(path.read_text()) for path in OURS.glob("*.py")]
    print(
        json.dumps(
            {
                "pending": pending(theirs, current),
                "contracted": contracted(theirs, ours, current),
            }
        )
    )


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
        listed.append(_step(after[revision]))
        revision = listed[-1]["revision"]
    return listed


def contracted(
    theirs: list[dict[str, Any]], ours: list[dict[str, Any]], current: str
) -> list[dict[str, Any]] | None:
    """The contracting migrations that the database has had and the release does not know.

    Args:
        theirs: migrations of the release.
        ours: all that this project knows.
        current: last revision that the database has had; "" for none.

    Returns:
        None when nobody knows the database's revision.
    """
    known = {migration["revision"] for migration in theirs}
    by_revision = {migration["revision"]: migration for migration in ours}
    listed: list[dict[str, Any]] = []
    revision = current or None
    while revision and revision not in known:
        if revision not in by_revision:
            return None
        if by_revision[revision]["contract"]:
            listed.insert(0, _step(by_revision[revision]))
        revision = by_revision[revision]["down_revision"]
    return listed


def _step(migration: dict[str, Any]) -> dict[str, Any]:
    return {"revision": migration["revision"], "contract": migration["contract"]}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
