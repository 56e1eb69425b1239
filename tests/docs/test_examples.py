"""The examples of the pages that promise it, run against a server as `make run` serves."""

import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from werkzeug.serving import make_server

from app.content.seeds import load_seeds
from app.settings import Environment
from tests.conftest import PASSWORD, Account

DOCS = Path(__file__).resolve().parents[2] / "docs"
PROMISE = "a test runs them.\n"
PAGES = sorted(
    str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if PROMISE in page.read_text()
)
MARK = "-- the next example"
# An answer of 400 or above is no example of what works.
PRELUDE = 'curl() { command curl --fail-with-body "$@"; }\n'


@pytest.fixture
def address(make_app: Callable[..., APIFlask]) -> Iterator[str]:
    """Where a development server listens, which has the content and the account of the README."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    app = make_app(environment=Environment.DEVELOPMENT, public_url=url)
    with app.app_context():
        load_seeds()
    you = {"email": "you@example.com", "password": "a long passphrase", "name": "You"}
    assert app.test_client().post("/v1/accounts/register", json=you).status_code == 201
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield url
    server.shutdown()
    thread.join()
    make_app()


def test_the_pages_of_features_and_products_are_among_them() -> None:
    assert {"files.md", "content.md", "sync.md"} < set(PAGES)
    assert {page for page in PAGES if page.startswith("products/")} == {
        f"products/{path.name}"
        for path in (DOCS / "products").iterdir()
        if path.name != "add-your-own.md"
    }


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_do_as_they_say(
    name: str, address: str, admin: Account, tmp_path: Path
) -> None:
    page = (DOCS / name).read_text()
    # Each with the output that stands right below it, if one does.
    examples = re.findall(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", page, re.M | re.S)
    script = PRELUDE + f"echo '{MARK}'\n".join(commands for commands, _shown in examples)
    script = script.replace("URL=http://127.0.0.1:8000", f"URL={address}")
    script = re.sub(r"^PASSWORD=.*$", f"PASSWORD='{PASSWORD}'", script, flags=re.M)
    assert admin.email == "admin@example.com"

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    outputs = done.stdout.split(f"{MARK}\n")
    assert len(outputs) == len(examples) > 1
    for output, (commands, shown) in zip(outputs, examples, strict=True):
        assert not shown or output == shown, commands
