"""The probe that writes the status page, against a server with a certificate of its own."""

import importlib.util
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.web import Answers

PROBE = Path(__file__).resolve().parents[2] / "roles/dashboard/files/status.py"
HEALTHY = {"checks": {"database": {"status": "up"}, "<b>cache": {"status": "up"}}}
DAY = 86_400

specification = importlib.util.spec_from_file_location("status", PROBE)
status = importlib.util.module_from_spec(specification)
specification.loader.exec_module(status)


class Api(ThreadingHTTPServer):
    """Answers with a health that the test decides."""

    code = 200
    health = HEALTHY


class _Handler(Answers, BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(json.dumps(self.server.health).encode(), self.server.code)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of api.example.com in one file."""
    folder = tmp_path_factory.mktemp("tls")
    options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    named = ["-subj", "/CN=api", "-addext", "subjectAltName=DNS:api.example.com"]
    files = ["-keyout", folder / "key", "-out", folder / "certificate"]
    command = ["openssl", "req", "-x509", *options, *named, *files]
    subprocess.run(command, check=True, capture_output=True)
    both = folder / "both"
    both.write_text((folder / "certificate").read_text() + (folder / "key").read_text())
    return both


@pytest.fixture
def api(certificate: Path) -> Iterator[Api]:
    server = Api(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(api: Api, certificate: Path, tmp_path: Path) -> Callable[..., tuple[str, dict]]:
    """Run the program as its unit does; the page, and the same as JSON."""

    def run(name: str = "api.example.com", trusted: bool = True) -> tuple[str, dict]:
        environment = {
            "STATE_DIRECTORY": str(tmp_path),
            "STATUS_URL": f"https://{name}:{api.server_address[1]}/health",
            "STATUS_ADDRESS": "127.0.0.1",
            "STATUS_CA_BUNDLE": str(certificate) if trusted else "",
            "STATUS_TITLE": "Example & Co",
        }
        subprocess.run([sys.executable, PROBE], env=os.environ | environment, check=True)
        public = tmp_path / "public"
        told = json.loads((public / "status.json").read_text())
        return (public / "index.html").read_text(), told

    return run


def test_up(run):
    page, told = run()

    assert told["status"] == "up"
    assert told["latency_ms"] >= 0
    assert "<title>Example &amp; Co: up</title>" in page
    assert "100.00% of the probes" in page
    assert "database up" in page
    assert "<b>cache" not in page
    assert "<script" not in page


def test_an_outage_is_an_incident_until_it_is_over(run, api):
    run()
    api.code, api.health = 503, {"checks": {"database": {"status": "down"}}}
    page, told = run()
    assert told["status"] == "down"
    assert told["checks"] == {"database": False}
    assert "Down since" in page
    assert "it answers with status 503" in page
    assert "not over yet" in page

    api.code, api.health = 200, HEALTHY
    page, told = run()

    assert told["status"] == "up"
    (incident,) = told["incidents"]
    assert incident["end"] >= incident["begin"]
    assert "Down since" not in page
    assert "1 min: it answers with status 503" in page


@pytest.mark.parametrize(
    ("name", "trusted"), [("other.example.com", True), ("api.example.com", False)]
)
def test_a_certificate_that_clients_refuse_is_an_outage(run, name, trusted):
    _, told = run(name, trusted)

    assert told["reason"] == "its certificate is not valid"


def test_no_answer_is_an_outage(run, api):
    api.server_close()

    _, told = run()

    assert told["reason"] == "it does not answer"
    assert told["latency_ms"] is None


def test_a_broken_memory_is_put_aside(run, tmp_path):
    (tmp_path / "history.json").write_text('{"samples": [')

    assert run()[1]["status"] == "up"
    assert (tmp_path / "history.broken").exists()


def test_90_days_are_remembered(monkeypatch):
    history: dict = {}
    for minute in range(0, 100 * DAY, 3600):
        wrong = "it does not answer" if minute // DAY == 50 else ""
        status.remember(history, minute, wrong, 20, {})
        history["last"] = minute + 3600 - 60

    assert len(history["days"]) == 90
    assert len(history["samples"]) == 24
    assert [each["reason"] for each in history["incidents"]] == ["it does not answer"]
    page = status.render(history, "x", 100 * DAY - 3600)
    assert page.count('<rect class="good"') == 89
    assert page.count('<rect class="bad"') == 1
    assert "98.89% of the probes answered" in page


def test_a_time_without_probes_is_no_outage_and_is_told():
    history: dict = {}
    status.remember(history, 1000, "", 20, {})
    status.remember(history, 1060, "it does not answer", None, {})
    status.remember(history, 9000, "", 20, {})

    assert history["incidents"] == [
        {"begin": 1060, "end": 1060, "reason": "it does not answer"},
        {"begin": 1060, "end": 9000, "reason": "nobody looked"},
    ]
