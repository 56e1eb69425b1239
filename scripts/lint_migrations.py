"""Lint the SQL of the migrations with squawk (locks, unsafe changes).

A contract step, which drops, renames or revokes what the release before still uses, is refused
unless its migration announces it by `contract = "why"`; deploy.yml then asks for
-e allow_contract=true.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.contract_steps import losses
from scripts.release_migrations import constants

ROOT = Path(__file__).resolve().parent.parent
# The first migration makes a new database: nothing can wait for its locks, and its tables are as
# the models want them. Later ones are linted with all rules.
FIRST = "0001"
# 15 is the oldest server; ids are made by the clients; migrations/env.py sets the time-outs.
# contract_steps.py finds what is dropped and not made anew.
EXCLUDED = (
    "prefer-identity,require-lock-timeout,require-statement-timeout,ban-drop-function,"
    "ban-drop-view,ban-drop-constraint"
)
# What an announced contract step may do.
CONTRACT = (
    "ban-drop-column,ban-drop-table,renaming-column,renaming-table,changing-column-type,"
    "adding-not-nullable-field,adding-required-field"
)
VARIABLES = {
    "FIVEBOX_ENVIRONMENT": "test",
    "FIVEBOX_DATABASE_URL": "postgresql://nobody@localhost/none",
    "FIVEBOX_REDIS_URL": "redis://localhost",
    "FIVEBOX_JWT_SECRET": "only-to-print-the-sql-of-migrations",
    "FIVEBOX_PASSWORD_PEPPER": "this-process-never-serves-a-request",
}


def main() -> int:
    """Print squawk's findings in the migrations after the first; the exit status is 1 with any."""
    environment = {**os.environ, **VARIABLES, "FLASK_APP": "wsgi.py"}
    printed = subprocess.run(
        ["flask", "db", "upgrade", "--sql", f"{FIRST}:head"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if printed.returncode:
        sys.stderr.write(printed.stderr)
        return printed.returncode
    sql = "\n".join(line for line in printed.stdout.splitlines() if not line.startswith("{"))
    announced = {
        found["revision"]
        for found in map(constants, (f.read_text() for f in ROOT.glob("migrations/versions/*.py")))
        if found["contract"]
    }
    steps = re.split(r"^-- Running upgrade \S+ -> (\S+)$", sql, flags=re.MULTILINE)
    # Text and revision take turns, after what comes before the first.
    bad = [
        revision
        for revision, text in zip(steps[1::2], steps[2::2], strict=True)
        if findings(revision, text, revision in announced)
    ]
    return 1 if bad else 0


def findings(revision: str, sql: str, announced: bool) -> bool:
    """Print what is wrong with a migration; whether anything is.

    Args:
        revision: of the migration.
        sql: what it runs.
        announced: whether it says that it is a contract step.
    """
    lost = [] if announced else losses(sql)
    for statement in lost:
        print(f'{revision}: the release before may need this; say: contract = "why": {statement}')
    excluded = f"{EXCLUDED},{CONTRACT}" if announced else EXCLUDED
    options = ["--pg-version=15", f"--exclude={excluded}"]
    with tempfile.NamedTemporaryFile("w", prefix=f"{revision}-", suffix=".sql") as file:
        # Each migration has a transaction of its own; printed, all are in one.
        file.write(f"BEGIN;\n{sql.rstrip().removesuffix('COMMIT;')}\nCOMMIT;\n")
        file.flush()
        squawk = subprocess.run(["squawk", *options, file.name], check=False)
    return bool(lost or squawk.returncode)


if __name__ == "__main__":
    sys.exit(main())
