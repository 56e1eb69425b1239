"""fivebox-cluster switchover takes its wish back when the primary stops; else Patroni goes on."""

import json
import shlex
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from tests.ansible.cluster_command import program, rows, run

BEFORE = rows(("Leader", "running"), ("Sync Standby", "streaming"), ("Replica", "streaming"))
AFTER = rows(("Sync Standby", "streaming"), ("Leader", "running"), ("Replica", "streaming"))
CLOCK = timedelta(seconds=10)


class Patroni:
    """The REST API of the primary's Patroni, over TLS with certificates of both sides.

    https://patroni.readthedocs.io/en/latest/rest_api.html#switchover-and-failover-endpoints

    Attributes:
        folder: with the state of the cluster, which patronictl there tells.
        accepts: the status of its answer to a scheduled switchover.
        states: what the primary's PostgreSQL does, asked in turn; the last stays.
        yields: whether the standby takes over once the wish is taken back.
        asked: methods of the requests, and the wish.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.accepts = 202
        self.states = ["running", "running", "stopping"]
        self.yields = True
        self.asked: list[str] = []
        self.wish: dict[str, Any] = {}
        self.port = 0

    def answer(self, method: str, body: bytes) -> tuple[int, str]:
        """Status and text of the answer to a request."""
        self.asked.append(method)
        if method == "POST":
            self.wish = json.loads(body)
            return self.accepts, "Switchover scheduled"
        if method == "DELETE":
            if self.yields:
                (self.folder / "members").write_text(json.dumps(AFTER))
            return 200, "scheduled switchover deleted"
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return 200, json.dumps({"state": state})

    def switchover(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run the command beside it."""
        return run(
            self.folder,
            "switchover",
            *words,
            instead={
                ":8008": f":{self.port}",
                "/etc/patroni/config.yml": str(self.folder / "config.yml"),
                "STOP_SECONDS = 30": "STOP_SECONDS = 1",
            },
        )

    def told(self, name: str) -> list[str]:
        """What a program was called with, a line for each time."""
        file = self.folder / f"{name}.told"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def patroni(tmp_path: Path) -> Iterator[Patroni]:
    """A cluster whose third member follows the primary too."""
    made = Patroni(tmp_path)
    certificate(tmp_path)
    keys = {name: str(tmp_path / f"{name}.pem") for name in ("cacert", "certfile", "keyfile")}
    login = {"username": "replicator", "password": "secret", "sslmode": "verify-full"}
    replication = {**login, "sslrootcert": "/ca.pem"}
    settings = {"ctl": keys, "postgresql": {"authentication": {"replication": replication}}}
    (tmp_path / "config.yml").write_text(yaml.safe_dump(settings))
    (tmp_path / "members").write_text(json.dumps(BEFORE))
    (tmp_path / "patroni").mkdir()
    slot_names = "def slot_name_from_member_name(name):\n    return name.replace('-', '_')\n"
    (tmp_path / "patroni" / "dcs.py").write_text(slot_names)
    folder, after = shlex.quote(str(tmp_path)), shlex.quote(json.dumps(AFTER))
    patronictl = f"""
case "$3" in
  list) cat {folder}/members; exit ;;
  switchover) echo {after} > {folder}/members ;;
  edit-config) case "$*" in *count=2*) sed -i "s/Replica/Sync Standby/" {folder}/members ;; esac ;;
esac
shift 2
echo "$*" >> {folder}/patronictl.told
"""
    program(tmp_path, "patronictl", patronictl)
    program(tmp_path, "psql", f'echo "$PGUSER $*" >> {folder}/psql.told')

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, text = made.answer(self.command, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=keys["cacert"])
    trust.load_cert_chain(keys["certfile"], keys["keyfile"])
    trust.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(("127.0.0.1", 0), Requests) as server:
        server.socket = trust.wrap_socket(server.socket, server_side=True)
        made.port = server.server_port
        Thread(target=server.serve_forever).start()
        try:
            yield made
        finally:
            server.shutdown()


def certificate(folder: Path) -> None:
    """Make a certificate of 127.0.0.1, which is its own authority."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=db0", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", "keyfile.pem", "-out", "certfile.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "cacert.pem").write_bytes((folder / "certfile.pem").read_bytes())


def test_the_wish_is_taken_back_when_the_primary_stops(patroni: Patroni) -> None:
    done = patroni.switchover()
    assert (done.returncode, done.stdout) == (0, "db1 is the primary now, db0 follows\n")
    # Until the primary stops for it, the wish stands.
    assert patroni.asked == ["POST", "GET", "GET", "GET", "DELETE"]
    assert patroni.wish["leader"] == "db0"
    ahead = datetime.fromisoformat(patroni.wish["scheduled_at"]) - datetime.now(UTC)
    assert timedelta(seconds=3) - CLOCK < ahead <= timedelta(seconds=3)
    assert patroni.told("patronictl") == []


def test_the_third_finds_its_slot_where_the_standby_takes_over(patroni: Patroni) -> None:
    patroni.switchover()
    slot = '--command=CREATE_REPLICATION_SLOT "db2" PHYSICAL'
    assert patroni.told("psql") == [
        f"replicator --no-psqlrc host=127.0.0.1 replication=true {slot}"
    ]


@pytest.mark.parametrize("status", [409, 412, 503])
def test_patroni_may_refuse_the_wish(patroni: Patroni, status: int) -> None:
    patroni.accepts = status
    assert patroni.switchover().returncode == 0
    assert patroni.asked == ["POST"]
    assert patroni.told("patronictl") == ["switchover fivebox --force"]


def test_a_primary_that_does_not_stop_is_told_by_patroni(patroni: Patroni) -> None:
    patroni.states, patroni.yields = ["running"], False
    assert patroni.switchover().returncode == 0
    assert (patroni.asked[0], patroni.asked[-1]) == ("POST", "DELETE")
    assert patroni.told("psql") == []
    assert patroni.told("patronictl") == ["switchover fivebox --force"]


def test_a_primary_that_goes_on_is_told_by_patroni(patroni: Patroni) -> None:
    patroni.yields = False
    assert patroni.switchover().returncode == 0
    assert patroni.told("patronictl") == ["switchover fivebox --force"]


def test_who_leads_already_goes_on(patroni: Patroni) -> None:
    done = patroni.switchover("db0")
    assert (done.returncode, done.stdout) == (0, "db0 is the primary already\n")
    assert (patroni.asked, patroni.told("patronictl")) == ([], [])


def test_who_is_named_gets_all_writes_first(patroni: Patroni) -> None:
    done = patroni.switchover("db2")
    # The stand-in's switchover goes to db1: the command tells that it is not who was named.
    assert done.returncode == 1
    assert "db1 is the primary; see: fivebox-cluster status" in done.stderr
    assert patroni.asked == []
    assert patroni.told("patronictl") == [
        "edit-config fivebox --force --set synchronous_node_count=2",
        "switchover fivebox --force --candidate db2",
        "edit-config fivebox --force --set synchronous_node_count=null",
    ]
