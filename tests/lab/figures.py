"""What the lab measures: printed at once, and kept for the record of a drill."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests.lab.state import FOLDER

FILE = FOLDER / "figures.jsonl"


def record(name: str, value: float, unit: str, limit: float | None = None) -> None:
    """Print a figure and keep it.

    Args:
        name: what was measured.
        value: the figure.
        unit: its unit; "" for none.
        limit: the most that is allowed, which the caller checks.
    """
    text = f"{value:.1f} {unit}".rstrip()
    print(f"{name}: {text}" + (f" (at most {limit:g})" if limit else ""), flush=True)
    with FILE.open("a") as file:
        file.write(json.dumps([name, text, f"{limit:g}" if limit else ""]) + "\n")


def begin() -> None:
    """Forget what a drill before measured."""
    FILE.unlink(missing_ok=True)


def write(target: Path, title: str, command: str) -> None:
    """Write all figures as a page.

    Args:
        target: file of the page.
        title: its title.
        command: repeats the measurement.
    """
    rows = [json.loads(line) for line in FILE.read_text().splitlines()]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    table = [f"| {name} | {value} | {limit} |" for name, value, limit in rows]
    head = [
        f"# {title}",
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at commit {commit}, with {os.cpu_count()} cores "
        f"of which the host had one, by `{command}`.",
        "",
        "| What | Measured | At most |",
        "| --- | --- | --- |",
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join([*head, *table]) + "\n")
