"""The dashboard as the role writes it, in front of a Prometheus whose answers a test decides."""

import json
import math
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.chromium import Browser, browser

ROLE = Path(__file__).resolve().parents[2] / "roles/dashboard"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [defaults/main.yml, vars/main.yml]
  tasks:
    - ansible.builtin.template: {src: "{{ item }}.j2", dest: "{{ item }}", mode: "0600"}
      loop: [page.html, locations.conf]
"""
VARIABLES = {
    "ansible_managed": "test",
    "ansible_python_interpreter": sys.executable,
    "dashboard_domain": "api.example.com",
    "dashboard_environment": "mine",
    "dashboard_refresh_seconds": 1,
}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page and nginx's settings, as the role writes them."""
    folder = tmp_path_factory.mktemp("dashboard")
    for name in ("files", "templates", "filter_plugins", "defaults", "vars"):
        (folder / name).symlink_to(ROLE / name)
    (folder / "play.yml").write_text(PLAY)
    program = Path(sys.executable).parent / "ansible-playbook"
    command = [program, "-i", "localhost,", "-e", json.dumps(VARIABLES), "play.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Prometheus(ThreadingHTTPServer):
    """Serves the page with its policy, and answers its questions."""

    daemon_threads = True

    def __init__(self, page: str, policy: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page, self.policy = page, policy
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.alerts: list[dict[str, Any]] = []
        self.failing = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ops/"

    def answer(self, question: str, parameters: dict[str, str]) -> Any:
        if question == "alerts":
            return {"alerts": self.alerts}
        if question == "query":
            return {"resultType": "vector", "result": [{"metric": {}, "value": [0, "0.5"]}]}
        start, end, step = (int(parameters[name]) for name in ("start", "end", "step"))
        metric = {"class": "2xx", "host": "box", "version": "1.2.3", "route": "/v1/habits"}
        # The release begins in the middle.
        if "fivebox_info" in parameters["query"]:
            start = (start + end) // 2 // step * step
        values = [[time, str(1 + math.sin(time / 300))] for time in range(start, end + 1, step)]
        return {"resultType": "matrix", "result": [{"metric": metric, "values": values}]}


class _Handler(BaseHTTPRequestHandler):
    server: Prometheus

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        question = parts.path.removeprefix("/ops/api/")
        if parts.path == "/ops/":
            return self._send(200, "text/html; charset=utf-8", self.server.page)
        parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append((question, parameters))
        if self.server.failing:
            return self._send(502, "text/html", "Bad Gateway")
        body = {"status": "success", "data": self.server.answer(question, parameters)}
        return self._send(200, "application/json", json.dumps(body))

    def _send(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def prometheus(written: Path) -> Iterator[Prometheus]:
    settings = (written / "locations.conf").read_text()
    policy = re.search(r'Content-Security-Policy "([^"]+)"', settings)[1]
    server = Prometheus((written / "page.html").read_text(), policy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium")
    with browser(tmp_path / "profile") as page:
        page.resize(1280, 900)
        yield page
