"""What `make logs` prints of lines that somebody outside had a say in."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import logs

TIME = 1_795_000_000_000_000
HEAD = "2026-11-18T11:06:40.000 box"
FORGED = "x\n2026-11-18T11:06:40.000 box          sshd         Accepted publickey for root"


def raw(message: str | list[int], **fields: str) -> dict[str, Any]:
    """A line as journalctl prints it."""
    return {
        "_BOOT_ID": "a",
        "__MONOTONIC_TIMESTAMP": "1",
        "__REALTIME_TIMESTAMP": str(TIME),
        "_HOSTNAME": "box",
        "SYSLOG_IDENTIFIER": "nginx",
        "MESSAGE": message,
        **fields,
    }


@pytest.fixture
def printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs the command on lines that a host has found; gives what it prints."""
    (tmp_path / "inventories/here").mkdir(parents=True)
    (tmp_path / "inventories/here/hosts.yml").write_text("all: {}")

    def run(*found: dict[str, Any], words: tuple[str, ...] = ()) -> str:
        text = "\n".join(map(json.dumps, found))
        monkeypatch.setattr(logs, "ROOT", tmp_path)
        monkeypatch.setattr(logs, "_ask", lambda *_words: {"box": text})
        monkeypatch.setattr(sys, "argv", ["logs", "here", *words])
        logs.main()
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    "message",
    [
        FORGED,
        json.dumps({"event": FORGED}),
        json.dumps({"event": "request", "route": FORGED}),
        json.dumps({"event": "request", "user_agent": FORGED}),
        json.dumps({"event": "request", FORGED: 1}),
        json.dumps({"event": "request", "query": [FORGED]}),
        json.dumps({"event": "fault", "exception": FORGED}),
        list(FORGED.encode()),
    ],
    ids=["text", "event", "route", "value", "name", "list", "stack", "bytes"],
)
def test_no_value_begins_a_line_that_is_none(printed: Any, message: str | list[int]) -> None:
    lines = printed(raw(message)).splitlines()
    assert [line for line in lines if line.startswith(HEAD)] == lines[:1]
    assert all(line.startswith("    ") for line in lines[1:])
    assert "Accepted publickey" in " ".join(lines)


@pytest.mark.parametrize("control", ["\x1b[2J", "\x9b2J", "\r", "\x07", "\u202e", "\u2028", "\x7f"])
@pytest.mark.parametrize("words", [(), ("--json",)], ids=["people", "JSON"])
def test_no_value_steers_the_terminal(printed: Any, control: str, words: tuple[str, ...]) -> None:
    places = [
        raw(f"a{control}b"),
        raw(
            json.dumps({"event": "request", "user_agent": f"a{control}b"}), _HOSTNAME=f"c{control}"
        ),
        raw(json.dumps({"event": "fault", "exception": f"a{control}b"}), SYSLOG_IDENTIFIER=control),
    ]
    for place in places:
        text = printed(place, words=words)
        assert control[0] not in text.removesuffix("\n")
        if words:
            assert json.loads(text)["from"]


def test_readable_text_stays_as_it_is(printed: Any) -> None:
    assert "Čaj i kafa: 10 €" in printed(raw("Čaj i kafa: 10 €"))


def test_a_stack_is_below_its_line(printed: Any) -> None:
    text = printed(raw(json.dumps({"event": "fault", "exception": "Traceback:\n  File x\nError"})))
    assert text.splitlines()[1:] == ["    Traceback:", "      File x", "    Error"]


def test_a_line_of_the_api_is_of_the_time_that_it_tells(printed: Any) -> None:
    line = {"event": "request", "service": "fivebox", "timestamp": "2026-11-18T11:06:39.900000Z"}
    nginx = raw("nginx", __REALTIME_TIMESTAMP=str(TIME - 50_000))
    late = raw(json.dumps(line), __MONOTONIC_TIMESTAMP="2")
    times = [printed_line.split()[0] for printed_line in printed(nginx, late).splitlines()]
    assert times == ["2026-11-18T11:06:39.900", "2026-11-18T11:06:39.950"]


@pytest.mark.parametrize("stamp", ["yesterday", 5, None])
def test_a_time_that_is_none_is_the_journal_s(printed: Any, stamp: object) -> None:
    line = {"event": "request", "service": "fivebox", "timestamp": stamp}
    assert printed(raw(json.dumps(line))).startswith(HEAD)


def test_an_unknown_inventory_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.logs", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ENV: there is no inventories/nowhere" in done.stderr
