"""What the workflow does on one environment: its shell steps, with commands stood in for."""

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflows.expressions import filled_in, holds
from tests.workflows.runner import ROOT, run_step, stand_in, steps_of

ARCHIVE = "fivebox-1.0.0.tar.gz"
SECRETS = {"SSH_KEY": "the-key", "KNOWN_HOSTS": "the-hosts", "VAULT_PASSWORD": "the-password"}
WORKFLOW = ROOT / ".github/workflows/environment.yml"
# A playbook, as far as the workflow sees it.
PLAY = """for word; do
  case $word in
    note_good=*) echo {good} > "${{word#*=}}";;
    *{failing}) test -z "{failing}" || exit 2;;
  esac
done"""


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
    """Runs the steps of environment.yml in a folder of its own.

    Args:
        folder: an empty one.
        webhook: URL.
        failing: the playbook that fails; "" for none.
        good: release that is good on the hosts before.
    """

    def __init__(self, folder: Path, webhook: str, failing: str, good: str = "0.9.0") -> None:
        self.work = folder / "work"
        self.calls = folder / "calls"
        (self.work / "dist").mkdir(parents=True)
        (self.work / "dist/latest").write_text(ARCHIVE)
        programs = self.work / ".venv/bin"
        programs.mkdir(parents=True)
        stand_in(programs, "ansible-playbook", self.calls, PLAY.format(good=good, failing=failing))
        stand_in(folder, "make", self.calls)
        self.contexts = {
            "secrets": {**SECRETS, "WEBHOOK": webhook},
            "inputs": {"environment": "staging", "commit": "6f00c0ffee"},
            "github": {
                "server_url": "https://example.com",
                "repository": "ada/fivebox",
                "run_id": "1",
            },
        }
        self.variables = {
            "HOME": str(folder / "home"),
            "PATH": f"{folder}:{os.environ['PATH']}",
        }
        self.printed = ""

    def run(self) -> bool:
        """Whether all steps passed."""
        status = "success"
        steps: dict[str, Any] = {}
        workflow = yaml.safe_load(WORKFLOW.read_text())
        shared = workflow["jobs"]["deploy"]["env"]
        for step in steps_of(WORKFLOW):
            known = {**self.contexts, "job": {"status": status}, "steps": steps}
            if not holds(step.get("if", ""), known, status):
                continue
            given = {
                name: filled_in(value, known)
                for name, value in {**shared, **step.get("env", {})}.items()
            }
            code, printed = run_step(step, self.work, {**self.variables, **given})
            assert not any(secret in printed for secret in SECRETS.values())
            self.printed += printed
            steps[step.get("id", step["name"])] = {"outcome": "failure" if code else "success"}
            status = "failure" if code else status
        return status == "success"

    def played(self) -> list[str]:
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
    assert runner.run() is not bool(failing), runner.printed
    assert runner.played() == played
    calls = runner.calls.read_text()
    assert f"-i inventories/staging playbooks/deploy.yml -e fivebox_release={runner.work}" in calls
    assert f"/dist/{ARCHIVE}" in calls
    # Nobody is sent a test alert with each release.
    assert calls.count("playbooks/verify.yml -e fivebox_verify_alert=false") == played.count(
        "verify"
    )
    status = "failure" if failing else "success"
    expected = f"{ARCHIVE} on staging: {status}, see https://example.com/ada/fivebox/actions/runs/1"
    assert told == [{"text": expected}]
    # No secret is an argument of a program, and nobody else reads the files.
    assert not any(secret in calls for secret in SECRETS.values())
    for path in (runner.work / ".vault-password", tmp_path / "home/.ssh/id_ed25519"):
        assert path.stat().st_mode & 0o077 == 0
    assert (runner.work / ".vault-password").read_text() == "the-password\n"


def test_it_returns_to_what_was_good_before(tmp_path: Path) -> None:
    runner = Runner(tmp_path, "", "verify.yml", good="0.8.0+fdd1fab984")
    assert not runner.run()
    *_, last = runner.calls.read_text().splitlines()
    assert last.endswith(
        "-i inventories/staging playbooks/rollback.yml -e release=0.8.0+fdd1fab984"
    )


def test_a_release_that_was_good_before_stays(tmp_path: Path) -> None:
    # As of a job that is run again, or of a commit that is deployed again by hand.
    runner = Runner(tmp_path, "", "verify.yml", good="1.0.0")
    assert not runner.run()
    assert runner.played() == ["deploy", "verify"]
    assert "::warning::1.0.0 was good before this run, and stays" in runner.printed


def test_without_a_webhook_nobody_is_told(tmp_path: Path) -> None:
    assert Runner(tmp_path, "", "").run()
