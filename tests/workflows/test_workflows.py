"""The workflows: linted; the shell steps of their jobs are executed, with commands stood in for."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.node import install, node
from tests.workflows.runner import ROOT, WORKFLOWS, run_step, stand_in, steps_of

HERE = Path(__file__).resolve().parent


def _lint(*files: Path) -> list[str]:
    install(HERE)
    command = [node(), str(HERE / "lint.js"), *map(str, files)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_workflows_have_no_faults() -> None:
    assert _lint(*WORKFLOWS) == []


def test_the_linter_finds_a_fault(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert any("run-on" in line for line in _lint(broken))


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    steps = [step for path in WORKFLOWS for step in steps_of(path)]
    called = {name for step in steps for name in re.findall(r"make ([a-z-]+)", step["run"])}
    assert {"lint", "test", "audit", "release"} <= called <= targets


@pytest.mark.parametrize(
    ("workflow", "job", "target", "called"),
    [
        ("ci", "checks", "", ["make lint", "make test", "make test-previous"]),
        ("ci", "audit", "", ["make audit"]),
        ("ci", "hosts", "molecule", ["apt-get update", "apt-get install", "make molecule"]),
        (
            "ci",
            "hosts",
            "lab SUITE=trixie",
            ["apt-get update", "apt-get install", "make lab SUITE=trixie"],
        ),
        ("deploy", "release", "", ["make release"]),
    ],
)
def test_the_steps_of_the_other_jobs(
    tmp_path: Path, workflow: str, job: str, target: str, called: list[str]
) -> None:
    calls = tmp_path / "calls"
    for name, more in {"make": "", "apt-get": "", "sudo": 'exec "$@"'}.items():
        stand_in(tmp_path, name, calls, more)
    described = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text())
    matrix = described["jobs"][job].get("strategy", {}).get("matrix", {"target": [""]})
    assert target in matrix["target"]
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TARGET": target}
    for step in [step for step in described["jobs"][job]["steps"] if "run" in step]:
        code, printed = run_step(step, tmp_path, variables)
        assert code == 0, printed
    lines = [line for line in calls.read_text().splitlines() if not line.startswith("sudo ")]
    assert len(lines) == len(called)
    assert all(line.startswith(start) for line, start in zip(lines, called, strict=True)), lines


def test_a_step_that_fails_fails_its_job(tmp_path: Path) -> None:
    stand_in(tmp_path, "sudo", tmp_path / "calls", "exit 100")
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step for step in ci["jobs"]["hosts"]["steps"] if "run" in step]
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TARGET": "molecule"}
    assert [run_step(step, tmp_path, variables)[0] for step in steps] == [100, 100]
    # The first command of several ended it.
    assert "apt-get install" not in (tmp_path / "calls").read_text()


def test_one_environment_does_not_hold_up_another() -> None:
    names = ("deploy", "environment")
    deploy, environment = (
        yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text()) for name in names
    )
    assert "concurrency" not in {**deploy, **environment}
    assert environment["jobs"]["deploy"]["concurrency"] == {
        "group": "deploy-${{ inputs.environment }}",
        "cancel-in-progress": False,
    }


def test_production_comes_after_staging_and_staging_after_the_tests() -> None:
    deploy = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())
    # YAML 1.1 reads the key "on" as true.
    assert deploy[True]["workflow_run"]["workflows"] == ["ci"]
    assert deploy["jobs"]["production"]["needs"] == ["passed", "staging"]
    assert deploy["jobs"]["staging"]["needs"] == ["passed", "release"]
