"""The deployed host of `make lab`, as its clients and its operator see it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.hosts import Host
from tests.lab.playbooks import DOMAIN


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
        """Send a request with curl; fails when the chain does not verify."""
        command = [
            *("curl", "--silent", "--show-error", "--max-time", "20", "--cacert", self.root),
            *(
                "--resolve",
                f"{DOMAIN}:443:{self.address}",
                "--resolve",
                f"{DOMAIN}:80:{self.address}",
            ),
            *("--request", method, "--write-out", "\n%{http_code} %{http_version} %{header_json}"),
            *options,
        ]
        if token:
            command += ["--header", f"Authorization: Bearer {token}"]
        if body is not None:
            command += ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
        done = subprocess.run(
            [*command, f"{scheme}://{DOMAIN}{path}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ConnectionError(done.stderr.strip())
        # The headers are JSON over several lines, after the line with the status.
        text, _, tail = done.stdout.rpartition("{")
        body_text, _, last = text.rstrip("\n").rpartition("\n")
        status, version = last.split()
        headers = {name: values[0] for name, values in json.loads("{" + tail).items()}
        return Answer(int(status), version, headers, body_text)


@pytest.fixture(scope="session")
def host() -> Host:
    return Host.find(os.environ["LAB_HOST"])


@pytest.fixture(scope="session")
def api(host: Host) -> Api:
    return Api(host.address, os.environ["LAB_ROOT"])


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    """The secrets of the lab's vault by name."""
    import yaml

    values = yaml.safe_load(Path(os.environ["LAB_VARIABLES"]).read_text())
    return {name: value for name, value in values.items() if name.startswith("vault_")}


@pytest.fixture(scope="session")
def token(api: Api) -> str:
    """Access token of a user registered through the public name."""
    answer = api.ask(
        "POST",
        "/v1/accounts/register",
        {"email": "lab@example.com", "password": "a long lab passphrase", "name": "Lab"},
    )
    assert answer.status == 201, answer.body
    value: str = answer.json()["tokens"]["access_token"]
    return value
