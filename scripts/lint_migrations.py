"""Lint the SQL of the migrations with squawk (locks, unsafe changes)."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The first migration makes a new database: nothing can wait for its locks, and its tables are as
# the models want them. Later ones are linted with all rules.
FIRST = "0001"
# 15 is the oldest server; ids are made by the clients; migrations/env.py sets the time-outs.
OPTIONS = [
    "--pg-version=15",
    "--exclude=prefer-identity,require-lock-timeout,require-statement-timeout",
]
VARIABLES = {
    "FIVEBOX_ENVIRONMENT": "test",
    "FIVEBOX_DATABASE_URL": "postgresql://nobody@localhost/none",
    "FIVEBOX_REDIS_URL": "redis://localhost",
    "FIVEBOX_JWT_SECRET": "only-to-print-the-sql-of-migrations",
    "FIVEBOX_PASSWORD_PEPPER": "this-process-never-serves-a-request",
}


def main() -> int:
    """Print squawk's findings in the migrations after the first; the number is the exit status."""
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
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(sql)
        file.flush()
        return subprocess.run(["squawk", *OPTIONS, file.name], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
