"""What a fleet adds to one host: two hops, closed doors, and hosts that die."""

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.lab import network
from tests.lab.conftest import Answer, Api
from tests.lab.figures import record
from tests.lab.fleet import GROUPS, MONITOR
from tests.lab.hosts import Host
from tests.lab.waiting import until

INTERNAL = 8443
JOURNALS = 19532
WRITERS = 2
READERS = 2
COLLECTION = "/v1/content/habit_templates"


def _open(address: str, ports: list[int]) -> set[int]:
    found = set()
    for port in ports:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((address, port)) == 0:
                found.add(port)
    return found


def test_only_edges_are_open_to_everybody(fleet: dict[str, Host]) -> None:
    ports = [22, 80, 443, 5432, 6379, INTERNAL, 9090, 9093, 9100, 9180, JOURNALS]
    for name, host in fleet.items():
        # The pages of operators and users are on the monitor host.
        expected = {22, 80, 443} if name in (*GROUPS["edge"], MONITOR) else {22}
        assert _open(host.address, ports) == expected, name


def _reaches(host: Host, address: str, port: int) -> bool:
    return host.succeeds(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'")


def test_a_port_is_open_to_the_members_that_need_it(fleet: dict[str, Host]) -> None:
    database, cache, api = (fleet[GROUPS[name][0]] for name in ("database", "cache", "api"))
    assert _reaches(api, database.address, 5432)
    assert _reaches(api, cache.address, 6379)
    assert _reaches(fleet["edge1"], api.address, INTERNAL)
    assert not _reaches(fleet["edge1"], database.address, 5432)
    assert not _reaches(fleet["edge1"], cache.address, 6379)
    assert not _reaches(database, api.address, INTERNAL)


def test_the_api_answers_hosts_with_a_certificate_only(fleet: dict[str, Host]) -> None:
    ask = "cd /etc/fivebox-tls; curl --silent --output /dev/null --write-out '%{http_code}' "
    url = f"--cacert ca.pem https://{fleet['api1'].address}:{INTERNAL}/health"
    assert fleet["edge1"].ssh(f"{ask} --cert cert.pem --key key.pem {url}").stdout == "200"
    assert fleet["edge1"].ssh(f"{ask} {url}").stdout == "400"


def test_every_connection_to_the_database_is_encrypted(fleet: dict[str, Host], api: Api) -> None:
    assert api.ask("GET", COLLECTION).status == 200
    query = (
        "SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
        "WHERE client_addr IS NOT NULL"
    )
    shown = fleet["database1"].ssh(f'runuser -u postgres -- psql -Atc "{query}"').stdout
    count, encrypted = shown.strip().split("|")
    assert int(count) > 0
    assert encrypted == "t"


def test_the_client_s_address_comes_through_and_a_forged_one_does_not(
    fleet: dict[str, Host], api: Api
) -> None:
    forged = ["--header", "X-Forwarded-For: 6.6.6.6", "--header", "X-Request-ID: " + "6" * 32]
    answer = api.ask("GET", "/v1/habits", None, "", "https", *forged)
    number = answer.headers["x-request-id"]
    assert number != "6" * 32

    def lines() -> list[dict[str, object]]:
        # The edge, the API host's nginx and the API itself each log the request by its one number.
        shown = [
            line
            for name in (*GROUPS["edge"], *GROUPS["api"])
            for line in fleet[name]
            .ssh(f"journalctl -o cat --since -1min -g {number}", check=False)
            .stdout.splitlines()
            if line.startswith("{")
        ]
        return [json.loads(line) for line in shown]

    until(lambda: len(lines()) == 3, 10)
    assert {line["client_ip"] for line in lines()} == {network.GATEWAY}


def test_a_write_ends_what_every_edge_has_cached(edges: list[Api], admin: str) -> None:
    path = f"{COLLECTION}/fleet"
    template = edges[0].ask("GET", f"{COLLECTION}?limit=1").json()["items"][0]["data"]
    texts = {name: {"en": template[name]} for name in ("description", "reason")}
    for title in ("First", "Second"):
        data = {**template, **texts, "title": {"en": title}}
        target = f"/v1/admin{path.removeprefix('/v1')}"
        assert edges[0].ask("PUT", target, {"data": data}, admin).status in (200, 201)
        for edge in edges:
            until(partial(_shows, edge, path, title), 2)


def _shows(edge: Api, path: str, title: str) -> bool:
    return bool(edge.ask("GET", path).json()["data"]["title"] == title)


@pytest.fixture(scope="module")
def admin(fleet: dict[str, Host], api: Api) -> str:
    """Access token of an administrator."""
    account = {"email": "fleet@example.com", "password": "a long lab passphrase"}
    command = f"echo '{account['password']}' | fivebox create-admin {account['email']}"
    fleet["api1"].ssh(command)
    answer = api.ask("POST", "/v1/accounts/login", account)
    token: str = answer.json()["tokens"]["access_token"]
    return token


@dataclass
class Load:
    """Requests made meanwhile: when each began, and what came of it if it failed."""

    begun: list[float] = field(default_factory=list)
    failed: list[tuple[float, str]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


def _ask_any(
    apis: list[Api], method: str, path: str, body: object, token: str, *options: str
) -> Answer:
    """As a client of a name with several addresses: what cannot connect tries the next."""
    for api in apis[:-1]:
        try:
            socket.create_connection((api.address, 443), timeout=2).close()
        except OSError:
            continue
        return api.ask(method, path, body, token, "https", *options)
    return apis[-1].ask(method, path, body, token, "https", *options)


@contextmanager
def _load(apis: list[Api], token: str, prefix: str, *options: str) -> Iterator[Load]:
    load = Load()
    ended = threading.Event()

    def work(worker: int) -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            name = f"{prefix}-{worker}-{number}"
            habit = {"id": name, "name": "fleet", "start_date": "2026-01-01"}
            writes = worker < WRITERS
            method, path = ("POST", "/v1/habits") if writes else ("GET", "/v1/habits?limit=1")
            begun = time.monotonic()
            load.begun.append(begun)
            try:
                body = habit if writes else None
                answer = _ask_any(apis, method, path, body, token, *options)
            except ConnectionError as error:
                load.failed.append((begun, str(error)))
                continue
            if answer.status not in (200, 201):
                load.failed.append((begun, f"{answer.status} {answer.body[:200]}"))
            elif writes:
                load.written.append(name)

    threads = [threading.Thread(target=work, args=[n]) for n in range(WRITERS + READERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _serves(fleet: dict[str, Host], name: str) -> bool:
    """Whether the edges have sent a host a request just now."""
    asked = fleet[name].ssh("journalctl -o cat -t nginx --since -2s", check=False).stdout
    return '"path"' in asked


def test_an_api_host_dies_and_is_back(fleet: dict[str, Host], api: Api, token: str) -> None:
    victim = fleet["api2"]
    with _load([api], token, "api-host", "--max-time", "60") as load:
        until(lambda: len(load.written) > 10, 30)
        victim.kill()
        killed = time.monotonic()
        count = len(load.begun)
        until(lambda: len(load.begun) > count + 50, 60)
        victim.boot()
        until(lambda: _serves(fleet, "api2"), 60)
        count = len(load.begun)
        until(lambda: len(load.begun) > count + 20, 60)
    record("requests failed when an API host lost its power", len(load.failed), "", 4)
    # Only such as were on it.
    assert [text for begun, text in load.failed if begun > killed] == []
    assert len(load.failed) <= WRITERS + READERS
    for name in load.written:
        assert api.ask("GET", f"/v1/habits/{name}", None, token).status == 200


def test_an_edge_dies_and_clients_take_the_other(
    fleet: dict[str, Host], edges: list[Api], token: str
) -> None:
    victim = fleet["edge1"]
    with _load(edges, token, "edge", "--max-time", "60") as load:
        until(lambda: len(load.written) > 10, 30)
        dying = time.monotonic()
        victim.kill()
        killed = time.monotonic()
        count = len(load.begun)
        until(lambda: len(load.begun) > count + 20, 120)
        victim.boot()
        until(lambda: _answers(edges[0]), 60)
    record("requests failed when an edge lost its power", len(load.failed), "", 8)
    assert [text for begun, text in load.failed if begun > killed] == []
    # Those that were on it, and those that were sent at the moment of its end.
    assert len([begun for begun, _ in load.failed if begun < dying]) <= WRITERS + READERS
    assert len(load.failed) <= 2 * (WRITERS + READERS)


def _answers(edge: Api) -> bool:
    try:
        return edge.ask("GET", "/health").status == 200
    except ConnectionError:
        return False
