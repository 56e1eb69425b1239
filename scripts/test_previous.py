"""Run the API's tests of the release before on the schema of this one: `make test-previous`.

Until every host serves the new release, and after a rollback, the old code runs on the new schema.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIGRATIONS = "migrations"
# About the playbooks, the documents and the migrations themselves, not the API.
OTHERS = ("ansible", "clients", "database", "docs", "fuzz", "lab", "local", "measure")
OTHERS += ("scripts", "workflows")


def main(named: str = "") -> int:
    """Run them.

    Args:
        named: the release before, as git names it; "" for the last tag.
    """
    previous = named or _previous()
    if not previous:
        print("There is no release before this one.")
        return 0
    with tempfile.TemporaryDirectory(prefix="fivebox-previous-") as folder:
        tree = Path(folder)
        packed = subprocess.run(
            ["git", "archive", previous], cwd=ROOT, capture_output=True, check=True
        )
        subprocess.run(["tar", "--extract", "--directory", folder], input=packed.stdout, check=True)
        shutil.rmtree(tree / MIGRATIONS)
        shutil.copytree(ROOT / MIGRATIONS, tree / MIGRATIONS)
        ignored = [f"--ignore=tests/{name}" for name in OTHERS]
        print(f"The tests of {previous[:10]} on the schema of this release:", flush=True)
        command = [sys.executable, "-m", "pytest", "-n", "2", *ignored, *sys.argv[2:]]
        return subprocess.run(command, cwd=tree, check=False).returncode


def _previous() -> str:
    command = ["git", "describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if not done.returncode else ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
