"""One request, found on the host by its id, as an operator finds it."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.lab.conftest import Api
from tests.lab.hosts import Host
from tests.lab.playbooks import ROOT

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SECONDS = 60


def logs(*arguments: str) -> list[dict]:
    """What `make logs` finds."""
    command = [sys.executable, "-m", "scripts.logs", "lab", "--json", *arguments]
    command += ["-e", f"@{os.environ['LAB_VARIABLES']}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("by", ["request", "trace"])
def test_a_request_is_followed_from_nginx_to_the_api(api: Api, token: str, by: str) -> None:
    header = f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01"
    answer = api.ask("GET", "/v1/habits/none", None, token, "https", "--header", header)
    request = answer.headers["x-request-id"]

    lines = logs("--request", request if by == "request" else TRACE)

    told = {line["from" if line["from"] == "nginx" else "service"]: line for line in lines}
    assert told.keys() == {"nginx", "fivebox"}
    assert all(line["request_id"] == request for line in told.values())
    assert told["fivebox"]["route"] == "/v1/habits/<row_id:habit_id>"
    assert told["fivebox"]["trace_id"] == TRACE
    assert told["nginx"]["status"] == told["fivebox"]["status"] == 404


def test_a_slow_statement_is_found(host: Host) -> None:
    host.ssh("runuser -u postgres -- psql -d fivebox -c 'SELECT pg_sleep(0.6)'")
    deadline = time.monotonic() + SECONDS
    while not (found := [line for line in logs("--only", "slow") if "pg_sleep" in str(line)]):
        assert time.monotonic() < deadline
    assert {line["from"] for line in found} == {"postgresql"}


@pytest.mark.parametrize("service", ["postgresql", "redis", "ssh", "nginx", "api", "system"])
def test_every_service_is_in_the_journal(service: str) -> None:
    assert logs("--only", service, "--since", "1 day ago")
