"""Only what was pushed to main here, and passed, gets to the hosts and their secrets."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflows.expressions import filled_in, holds
from tests.workflows.runner import ROOT, WORKFLOWS, run_step, stand_in

OURS = "ada/fivebox"
COMMIT = "6f00c0ffee"
JOBS = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]
FIRST = JOBS["passed"]


def after_ci(**changed: object) -> dict[str, Any]:
    """The context `github` after a run of ci for a push to main, or for what is changed."""
    run = {
        "event": "push",
        "conclusion": "success",
        "head_branch": "main",
        "head_sha": COMMIT,
        "head_repository": {"full_name": OURS},
    }
    return {
        "event_name": "workflow_run",
        "repository": OURS,
        "ref": "refs/heads/main",
        "sha": "0f1e1d",
        "event": {"workflow_run": run | changed},
    }


def by_hand(ref: str) -> dict[str, Any]:
    """The context `github` of a dispatch."""
    return {
        "event_name": "workflow_dispatch",
        "repository": OURS,
        "ref": ref,
        "sha": COMMIT,
        "event": {"ref": ref, "inputs": None},
    }


FORK = {"head_repository": {"full_name": "eve/fivebox"}}


@pytest.mark.parametrize(
    ("github", "deployed"),
    [
        (after_ci(), True),
        (after_ci(conclusion="failure"), False),
        (after_ci(conclusion="cancelled"), False),
        # The branch of a fork may be called main, too.
        (after_ci(event="pull_request", **FORK), False),
        (after_ci(event="pull_request"), False),
        (after_ci(**FORK), False),
        (after_ci(head_repository=None), False),
        (by_hand("refs/heads/main"), True),
        (by_hand("refs/heads/another"), False),
        (by_hand("refs/tags/main"), False),
    ],
    ids=[
        *("push to main", "failed", "cancelled", "pull request of a fork's main"),
        *("pull request from main", "push to a fork", "of a fork that is gone"),
        *("by hand on main", "by hand on another branch", "by hand on a tag"),
    ],
)
def test_who_starts_a_deploy(github: dict[str, Any], deployed: bool) -> None:
    assert holds(FIRST["if"], {"github": github}) is deployed
    if deployed:
        assert filled_in(FIRST["outputs"]["commit"], {"github": github}) == COMMIT


def test_all_other_jobs_wait_for_that_one() -> None:
    for name, job in JOBS.items():
        assert name == "passed" or "passed" in job["needs"], name
        # A condition of its own could run a job although one before was skipped.
        assert name == "passed" or "if" not in job, name


def test_what_is_deployed_is_what_passed() -> None:
    commit = "${{ needs.passed.outputs.commit }}"
    assert JOBS["release"]["steps"][0]["with"]["ref"] == commit
    assert {JOBS[name]["with"]["commit"] for name in ("staging", "production")} == {commit}


@pytest.mark.parametrize(("runs", "deployed"), [("0", False), ("1", True), ("2", True)])
def test_by_hand_only_a_commit_that_passed(tmp_path: Path, runs: str, deployed: bool) -> None:
    (step,) = FIRST["steps"]
    assert holds(step["if"], {"github": by_hand("refs/heads/main")})
    assert not holds(step["if"], {"github": after_ci()})
    calls = tmp_path / "calls"
    stand_in(tmp_path, "gh", calls, f"echo {runs}")
    variables = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "GITHUB_REPOSITORY": OURS,
        "GITHUB_SHA": COMMIT,
    }
    code, printed = run_step(step, tmp_path, variables)
    assert (code == 0) is deployed
    lines = [] if deployed else [f"::error::ci has not passed on main for {COMMIT}"]
    assert printed.splitlines() == lines
    asked = calls.read_text()
    assert f"repos/{OURS}/actions/workflows/ci.yml/runs?" in asked
    for part in (f"head_sha={COMMIT}", "branch=main", "event=push", "status=success"):
        assert part in asked


def test_when_nobody_knows_whether_it_passed_it_is_not_deployed(tmp_path: Path) -> None:
    stand_in(tmp_path, "gh", tmp_path / "calls", "exit 1")
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert run_step(FIRST["steps"][0], tmp_path, variables)[0] == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_may_only_read(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    for name, job in workflow["jobs"].items():
        may = job.get("permissions", workflow.get("permissions"))
        # Without a word a job may what the repository's settings say.
        assert may is not None, name
        assert set(may.values()) <= {"read"}, name
        assert set(may) == ({"actions"} if name == "passed" else {"contents"}), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_code_of_others_meets_a_token_or_a_secret(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    # YAML 1.1 reads the key "on" as true.
    assert "pull_request_target" not in workflow[True]
    for job in workflow["jobs"].values():
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    if "pull_request" in workflow[True]:
        assert "secrets." not in path.read_text()
