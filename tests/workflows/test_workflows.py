"""The workflows: linted; the shell steps of a deploy are executed, with commands stood in for."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from tests.node import install, node
from tests.workflows.runner import ROOT, WORKFLOWS, run_step, stand_in, steps_of

HERE = Path(__file__).resolve().parent
ARCHIVE = "fivebox-1.0.0.tar.gz"
SECRETS = {"SSH_KEY": "the-key", "KNOWN_HOSTS": "the-hosts", "VAULT_PASSWORD": "the-password"}


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


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that keeps what it is told."""
    told: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    thread.join()


class Runner:
    """Runs the steps of environment.yml as GitHub's runner does, in a folder of its own."""

    def __init__(self, folder: Path, webhook: str, failing: str) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.calls = folder / "calls"
        (self.work / "dist").mkdir(parents=True)
        (self.work / "dist/latest").write_text(ARCHIVE)
        programs = self.work / ".venv/bin"
        programs.mkdir(parents=True)
        fail = f'case "$*" in *{failing or "nothing-fails"}*) exit 2;; esac'
        stand_in(programs, "ansible-playbook", self.calls, fail)
        stand_in(folder, "make", self.calls)
        self.variables = {
            **SECRETS,
            "WEBHOOK": webhook,
            "ENVIRONMENT": "staging",
            "RUN": "https://example.com/run/1",
            "HOME": str(folder / "home"),
            "PATH": f"{folder}:{os.environ['PATH']}",
        }

    def run(self) -> bool:
        """Whether all steps passed."""
        status, outcomes = "success", {}
        for step in steps_of(ROOT / ".github/workflows/environment.yml"):
            failed = status == "failure"
            wanted = {
                "": not failed,
                "always()": True,
                "failure() && steps.verify.outcome == 'failure'": failed
                and outcomes.get("verify") == "failure",
            }[step.get("if", "")]
            if not wanted:
                continue
            given = {**self.variables, "STATUS": status}
            code, printed = run_step(step, self.work, given)
            assert not any(secret in printed for secret in SECRETS.values())
            outcomes[step.get("id")] = "failure" if code else "success"
            status = "failure" if code else status
        return status == "success"

    def playbooks(self) -> list[str]:
        """Playbooks that were run, in order."""
        return re.findall(r"playbooks/(\w+)\.yml", self.calls.read_text())


@pytest.mark.parametrize(
    ("failing", "played"),
    [
        ("", ["deploy", "verify"]),
        ("deploy.yml", ["deploy"]),
        ("verify.yml", ["deploy", "verify", "rollback"]),
    ],
)
def test_a_deploy_by_the_workflow(
    tmp_path: Path,
    webhook: tuple[str, list[dict[str, str]]],
    failing: str,
    played: list[str],
) -> None:
    url, told = webhook
    runner = Runner(tmp_path, url, failing)
    assert runner.run() is not bool(failing)
    assert runner.playbooks() == played
    calls = runner.calls.read_text()
    assert f"-i inventories/staging playbooks/deploy.yml -e fivebox_release={runner.work}" in calls
    assert f"/dist/{ARCHIVE}" in calls
    # Nobody is sent a test alert with each release.
    assert calls.count("playbooks/verify.yml -e fivebox_verify_alert=false") == played.count(
        "verify"
    )
    status = "failure" if failing else "success"
    expected = f"{ARCHIVE} on staging: {status}, see https://example.com/run/1"
    assert told == [{"text": expected}]
    # No secret is an argument of a program, and nobody else reads the files.
    assert not any(secret in calls for secret in SECRETS.values())
    for path in (runner.work / ".vault-password", tmp_path / "home/.ssh/id_ed25519"):
        assert path.stat().st_mode & 0o077 == 0
    assert (runner.work / ".vault-password").read_text() == "the-password\n"


def test_without_a_webhook_nobody_is_told(tmp_path: Path) -> None:
    assert Runner(tmp_path, "", "").run()


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
