"""verify.yml lets a test alert arrive, or says why it sends none."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.test_fleet_validation import FLEET, MONITOR
from tests.ansible.test_validation import PROGRAM, ROOT, SOUND, Settings
from tests.web import Answers

WEBHOOK = {"vault_alert_webhook_url": "https://hooks.example.com/secret-of-the-hook"}
MAIL = {
    "vault_api_settings": {
        "FIVEBOX_SMTP_URL": "smtp://mail.example.com:587",
        "FIVEBOX_MAIL_FROM": "a@example.com",
    }
}


class Alertmanager:
    """Answers as the Alertmanager does, as far as the test alert asks."""

    def __init__(self, ways: list[str], *, delivers: bool) -> None:
        self.raised: list[dict[str, Any]] = []
        received = self
        config = "\n".join(f"    {way}_configs:" for way in ways)

        class Handler(Answers, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    count = len(received.raised) if delivers else 0
                    name = "alertmanager_notification_requests"
                    text = "".join(
                        f'{name}_total{{integration="{way}"}} {count}\n'
                        f'{name}_failed_total{{integration="{way}"}} 0\n'
                        for way in ways
                    )
                else:
                    text = json.dumps({"config": {"original": f"receivers:\n{config}\n"}})
                self.answer(text.encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.raised += json.loads(body)
                self.answer(b"")

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> "Alertmanager":
        self._thread.start()
        return self

    def __exit__(self, *_words: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def alertmanager() -> Iterator[Alertmanager]:
    with Alertmanager(["email", "slack"], delivers=True) as server:
        yield server


def verify(
    folder: Path, settings: Settings, inventory: Path = ROOT / "inventories/single"
) -> tuple[int, str]:
    """Run the last play of verify.yml here, in place of the inventory's host.

    Args:
        folder: for the variables.
        settings: that differ from SOUND.
        inventory: whose host it is.

    Returns:
        The exit code, and what was printed.
    """
    variables = folder / "variables.json"
    variables.write_text(json.dumps(SOUND | settings))
    first = ("--start-at-task", "Send it by each way that alerts take")
    words = [PROGRAM, "-i", inventory, "playbooks/verify.yml", *first]
    done = subprocess.run(
        [*words, "-e", f"@{variables}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("inventory", "settings"),
    [("single", MAIL), ("fleet", FLEET | WEBHOOK)],
    ids=["mail", "webhook"],
)
def test_a_test_alert_is_sent_and_waited_for(
    tmp_path: Path, alertmanager: Alertmanager, inventory: str, settings: Settings
) -> None:
    settings = settings | {"alertmanager_listen": alertmanager.address}
    code, output = verify(tmp_path, settings, ROOT / "inventories" / inventory)
    assert code == 0, output
    assert "a test alert went out by email slack" in output
    (alert,) = alertmanager.raised
    assert alert["labels"]["alertname"] == "TestAlert"
    assert "secret-of-the-hook" not in output


def test_an_alertmanager_that_does_not_answer_is_named(tmp_path: Path) -> None:
    code, output = verify(tmp_path, WEBHOOK | {"alertmanager_listen": "127.0.0.1:1"})
    assert code != 0
    assert "box: the Alertmanager does not answer" in output


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "alerts go nowhere; set FIVEBOX_SMTP_URL in vault_api_settings, or vault_alert"),
        (WEBHOOK | {"fivebox_monitoring": False}, "fivebox_monitoring is false"),
        (WEBHOOK | {"fivebox_verify_alert": "false"}, "fivebox_verify_alert is false"),
    ],
    ids=str,
)
def test_where_none_is_sent_the_reason_is_told(
    tmp_path: Path, alertmanager: Alertmanager, settings: Settings, line: str
) -> None:
    code, output = verify(tmp_path, settings | {"alertmanager_listen": alertmanager.address})
    assert code == 0, output
    assert f"no test alert: {line}" in output
    assert alertmanager.raised == []


def test_a_fleet_without_a_monitor_is_told_that_nobody_watches(tmp_path: Path) -> None:
    inventory = tmp_path / "fleet"
    shutil.copytree(ROOT / "inventories/fleet", inventory)
    hosts = inventory / "hosts.yml"
    assert MONITOR in hosts.read_text()
    hosts.write_text(hosts.read_text().replace(MONITOR, ""))
    code, output = verify(tmp_path, FLEET | WEBHOOK, inventory)
    assert code == 0, output
    assert "no test alert: the inventory has no host in the group monitor" in output
