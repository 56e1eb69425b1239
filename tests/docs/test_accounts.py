"""The examples of docs/accounts.md, run against a server as `make run` serves."""

import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from werkzeug.serving import make_server

from app.accounts.imports import ImportedAccount
from app.settings import Environment

# The first code is of the present time step, the second of the next: none serves twice.
CODE = (
    f"CODE=$({sys.executable} -c 'import pyotp, sys, time; print(pyotp.TOTP(sys.argv[1])"
    '.at(int(time.time()), counter_offset=int(sys.argv[2])))\' "$SECRET" $STEP); STEP=$((STEP + 1))'
)


class _Tokens(logging.Handler):
    """Writes the token of each mail that the log shows into a file, as a reader would copy it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def emit(self, record: logging.LogRecord) -> None:
        found = re.search(r"#token=([\w-]+)", str(record.msg))
        if found:
            self.file.write_text(found[1])


@pytest.fixture
def address(make_app: Callable[..., APIFlask], tmp_path: Path) -> Iterator[str]:
    """Where a development server listens."""
    app = make_app(environment=Environment.DEVELOPMENT, rate_limits_enabled=True)
    tokens = _Tokens(tmp_path / "token")
    logging.getLogger().addHandler(tokens)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    logging.getLogger().removeHandler(tokens)
    make_app()


def test_the_examples_do_as_they_say(address: str, project: Path, tmp_path: Path) -> None:
    page = (project / "docs" / "accounts.md").read_text()
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S))
    shown = "".join(re.findall(r"^```text\n(.*?)^```", page, re.M | re.S))
    script = script.replace("http://127.0.0.1:8000", address)
    script = re.sub(r"^TOKEN=.*$", "TOKEN=$(cat token)", script, flags=re.M)
    script = re.sub(r"^CODE=.*$", lambda _found: CODE, script, flags=re.M)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"STEP=0\n{script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stderr == ""
    assert done.stdout == shown


def test_the_line_to_import_has_known_fields(project: Path) -> None:

    page = (project / "docs" / "accounts.md").read_text()
    (line,) = re.findall(r"^```json\n(.*?)^```", page, re.M | re.S)

    assert set(json.loads(line)) <= set(ImportedAccount.model_fields)
    for name in ImportedAccount.model_fields:
        assert f"`{name}`" in page or f'"{name}"' in line
