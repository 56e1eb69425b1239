"""The stock clients in Node, the API in gunicorn with two workers, and bad luck between them."""

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.device import Device
from tests.clients.proxy import Proxy
from tests.clients.server import Server
from tests.conftest import Account
from tests.node import install, node

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs" / "clients"
BLOCK = re.compile(r"^```js\n// ([\w-]+\.js)\n(.*?)^```$", re.M | re.S)


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The clients, as package-lock.json pins them."""
    return install(HERE)


def _make_folder(folder: Path, modules: Path, *pages: str) -> Path:
    """A folder with the code of pages of the documentation, and the tests' own."""
    folder.mkdir()
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    for page in pages:
        for name, code in BLOCK.findall((DOCS / page).read_text()):
            (folder / name).write_text(code)
    for path in HERE.glob("*.js"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="session")
def folders(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the devices of each kind live."""
    root = tmp_path_factory.mktemp("clients")
    # The second page takes api.js from the first.
    pages = {"rxdb": ["rxdb.md"], "watermelondb": ["rxdb.md", "watermelondb.md"]}
    return {kind: _make_folder(root / kind, node_modules, *p) for kind, p in pages.items()}


@pytest.fixture(scope="session")
def start_server(
    app: object, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Server]]:
    """Start the API with two workers, with some settings changed."""
    servers = []

    def start(**changes: str) -> Server:
        folder = tmp_path_factory.mktemp("api")
        servers.append(Server({**environment, **changes}, folder, free_port()))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    between = Proxy(server.port)
    yield between
    between.close()


@pytest.fixture
def account(register: Callable[..., Account]) -> Account:
    return register()


@pytest.fixture(params=["rxdb", "watermelondb"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which client."""
    return str(request.param)


@pytest.fixture
def new_device(
    kind: str, folders: dict[str, Path], server: Server, account: Account
) -> Iterator[Callable[..., Device]]:
    """Log a device of the account in, and start its client."""
    devices = []

    def make(url: str = server.url, tokens: dict[str, Any] | None = None, **env: str) -> Device:
        devices.append(Device(node(), folders[kind], f"device-{kind}.js", env))
        devices[-1].call("open", url, tokens or log_in(account))
        return devices[-1]

    yield make
    for device in devices:
        device.end()


def log_in(account: Account) -> dict[str, Any]:
    """The tokens of a new device."""
    body = {"email": account.email, "password": account.password}
    answer = account.client.post("/v1/accounts/login", json=body)
    tokens: dict[str, Any] = answer.get_json()["tokens"]
    return tokens


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
