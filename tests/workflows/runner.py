"""Shell steps of the workflows, run as GitHub's runner does."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def steps_of(path: Path) -> list[dict[str, Any]]:
    """Shell steps of all jobs of a workflow."""
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", []) if "run" in step]


def stand_in(folder: Path, name: str, calls: Path, more: str = "") -> None:
    """Make a program that notes what it was called with.

    Args:
        folder: where it is put.
        name: of the program.
        calls: file for the notes.
        more: shell commands that it runs then.
    """
    program = folder / name
    program.write_text(f'#!/bin/sh\necho "{name} $*" >> {calls}\n{more}\n')
    program.chmod(0o755)


def run_step(step: dict[str, Any], folder: Path, variables: dict[str, str]) -> tuple[int, str]:
    """Run a step; returns its exit status and what it printed."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
