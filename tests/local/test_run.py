"""`make run`, as its user sees it."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

SECONDS = 60
PROJECT = Path(__file__).resolve().parents[2]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(folder: Path, port: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "local.run", "--port", str(port), "--folder", str(folder)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FIVEBOX_", "PROMETHEUS_"))}
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _read_welcome(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("Ctrl-C"):
            return text
    raise AssertionError(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def port() -> int:
    return _free_port()


@pytest.fixture(scope="module")
def welcome(folder: Path, port: int) -> Iterator[str]:
    """What the first start in a folder prints; it serves while this module's tests run."""
    process = _start(folder, port)
    try:
        yield _read_welcome(process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)


def test_the_curl_line_it_prints_works(welcome: str) -> None:
    line = re.findall(r"^  (curl .*)$", welcome, re.M)[0]
    done = subprocess.run(
        [*shlex.split(line), "--silent"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["user"]["email"] == "you@example.com"


def test_the_example_account_has_rows_of_every_product(welcome: str, port: int) -> None:
    email, password = re.findall(r"as (\S+) with the password (\S+)", welcome)[0]
    url = f"http://127.0.0.1:{port}"
    curl = ["curl", "--silent", "--fail", "--header", "Content-Type: application/json"]
    body = json.dumps({"email": email, "password": password})
    login = subprocess.check_output([*curl, "--data", body, f"{url}/v1/accounts/login"])
    bearer = f"Authorization: Bearer {json.loads(login)['tokens']['access_token']}"
    for path in ("habits", "timers", "characters", "nutrition/plans", "reviews"):
        rows = subprocess.check_output([*curl, "--header", bearer, f"{url}/v1/{path}"])
        assert json.loads(rows)["items"], path


@pytest.mark.usefixtures("welcome")
def test_a_second_start_says_in_one_line_that_it_runs(folder: Path) -> None:
    second = _start(folder, _free_port())
    output, _ = second.communicate(timeout=SECONDS)
    assert second.returncode == 1
    assert output == f"It is running already, on the data in {folder}\n"


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = _start(tmp_path / "data", port)
        output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert output.startswith(f"Port {port} cannot be used")
    assert output.count("\n") == 1


def test_it_starts_after_a_kill_and_stops_with_all_it_started(tmp_path: Path) -> None:
    first = _start(tmp_path / "data", _free_port())
    _read_welcome(first)
    orphans = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    assert psutil.wait_procs(orphans, timeout=20)[1] == []
    again = _start(tmp_path / "data", _free_port())
    try:
        # The password is told at each start, not only at the first.
        assert "log in as demo@example.com with the password" in _read_welcome(again)
        children = psutil.Process(again.pid).children(recursive=True)
        programs = " ".join(word for child in children for word in child.cmdline())
        assert "wsgi:app" in programs
        assert "postgres" in programs
        again.send_signal(signal.SIGINT)
        output, _ = again.communicate(timeout=SECONDS)
        assert again.returncode == 0
        assert "Stopping" in output
    finally:
        again.kill()
    assert psutil.wait_procs(children, timeout=10)[1] == []
