"""`fivebox slot prove`: what answers behind the nginx of a host, compared with its links."""

import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

HOST = Path(__file__).resolve().parents[2] / "roles/app/files/host"


@pytest.fixture
def prove(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, dict[str, Any]], str]:
    """Ask an nginx with a certain answer, on a host that serves 2.0; returns the fault, or ""."""
    monkeypatch.syspath_prepend(str(HOST))
    for name in ("ask", "lock", "slot"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import slot  # type: ignore[import-not-found]

    monkeypatch.setattr(slot, "active", lambda: "blue")
    monkeypatch.setattr(slot, "release", lambda _: "2.0")

    def ask(status: int, health: dict[str, Any]) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(health).encode())

        with HTTPServer(("127.0.0.1", 0), Answer) as server:
            Thread(target=server.handle_request).start()
            try:
                slot.prove(f"http://127.0.0.1:{server.server_port}")
            except slot.Fault as fault:
                return str(fault)
            return ""

    return ask


def test_the_release_of_the_links_answers(prove: Callable[[int, dict[str, Any]], str]) -> None:
    assert prove(200, {"version": "2.0", "checks": {}}) == ""


@pytest.mark.parametrize(
    ("status", "health", "told"),
    [
        (200, {"version": "1.0"}, "behind nginx answers 1.0 (200) instead of 2.0 (200)"),
        (
            503,
            {"version": "2.0", "checks": {"cache": {"status": "down", "error": "gone"}}},
            "behind nginx answers 2.0 (503) instead of 2.0 (200); /health: cache is down",
        ),
        (502, {}, "behind nginx answers nobody (502) instead of 2.0 (200)"),
    ],
)
def test_something_else_is_a_fault(
    prove: Callable[[int, dict[str, Any]], str], status: int, health: dict[str, Any], told: str
) -> None:
    assert prove(status, health) == told
