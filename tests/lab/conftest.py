"""The deployed host of `make lab`, as its clients and its operator see it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.lab.hosts import Host
from tests.lab.playbooks import DOMAIN, Operator
from tests.lab.runbooks import Desk


@dataclass
class Answer:
    """What curl got."""

    status: int
    version: str
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """The API through its public name, with a verified chain."""

    address: str
    root: str

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str = "",
        scheme: str = "https",
        *options: str,
    ) -> Answer:
        """Send a request with curl, bytes as they are and else JSON; the chain must verify."""
        command = [
            *("curl", "--silent", "--show-error", "--max-time", "20", "--cacert", self.root),
            *(
                "--resolve",
                f"{DOMAIN}:443:{self.address}",
                "--resolve",
                f"{DOMAIN}:80:{self.address}",
            ),
            *("--request", method, "--write-out", "\n%{http_code} %{http_version}"),
            # Its %{header_json} loses what stands between two headers of one name.
            *("--dump-header", "-"),
            *options,
        ]
        if token:
            command += ["--header", f"Authorization: Bearer {token}"]
        sent = body if isinstance(body, bytes) else b""
        if body is not None:
            command += ["--data-binary", "@-"]
            if not isinstance(body, bytes):
                command += ["--header", "Content-Type: application/json"]
                sent = json.dumps(body).encode()
        done = subprocess.run(
            [*command, f"{scheme}://{DOMAIN}{path}"], input=sent, capture_output=True, check=False
        )
        if done.returncode:
            raise ConnectionError(done.stderr.decode().strip())
        head, _, rest = done.stdout.decode().partition("\r\n\r\n")
        while head.split()[1] == "100":
            head, _, rest = rest.partition("\r\n\r\n")
        body_text, _, last = rest.rpartition("\n")
        status, version = last.split()
        headers: dict[str, str] = {}
        for line in head.splitlines()[1:]:
            name, _, value = line.partition(": ")
            headers.setdefault(name.lower(), value)
        return Answer(int(status), version, headers, body_text)


@pytest.fixture(scope="session")
def host() -> Host:
    return Host.find(os.environ["LAB_HOST"])


@pytest.fixture(scope="session")
def api(host: Host) -> Api:
    return Api(host.address, os.environ["LAB_ROOT"])


@pytest.fixture(scope="session")
def fleet() -> dict[str, Host]:
    """The hosts of `make lab-fleet` by their names."""
    return {name: Host.find(name) for name in os.environ["LAB_FLEET"].split()}


@pytest.fixture(scope="session")
def edges(fleet: dict[str, Host], api: Api) -> list[Api]:
    """The API through each edge by itself."""
    return [Api(host.address, api.root) for name, host in fleet.items() if name.startswith("edge")]


@pytest.fixture(scope="session")
def desk(host: Host, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The operator's machine, for commands of the runbooks."""
    return Desk(host, api.root, tmp_path_factory.mktemp("desk"), Operator.find(host).play)


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    """The secrets of the lab's vault by name."""
    import yaml

    values = yaml.safe_load(Path(os.environ["LAB_VARIABLES"]).read_text())
    return {name: value for name, value in values.items() if name.startswith("vault_")}


@pytest.fixture(scope="session")
def account() -> dict[str, str]:
    """What a user registers with."""
    email = f"lab-{uuid4().hex}@example.com"
    return {"email": email, "password": "a long lab passphrase", "name": "Lab"}


@pytest.fixture(scope="session")
def registered(api: Api, account: dict[str, str]) -> dict[str, str]:
    """A user registered through the public name."""
    answer = api.ask("POST", "/v1/accounts/register", account)
    assert answer.status == 201, answer.body
    return account


@pytest.fixture(scope="module")
def token(api: Api, registered: dict[str, str]) -> str:
    """The user's access token; it ends after 15 minutes, and all modules take longer."""
    known = {name: registered[name] for name in ("email", "password")}
    answer = api.ask("POST", "/v1/accounts/login", known)
    assert answer.status == 200, answer.body
    value: str = answer.json()["tokens"]["access_token"]
    return value
