"""What the host shows to the outside."""

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import network
from tests.lab.acme import BUNDLE
from tests.lab.conftest import DOMAIN, Api
from tests.lab.figures import record
from tests.lab.hosts import Host

OPEN = {22, 80, 443}
PLANTED = 9999


@pytest.fixture
def listener(host: Host) -> Iterator[None]:
    """A service that somebody left open on all addresses of the host."""
    command = f"systemd-socket-activate --listen={PLANTED} --inetd --accept /bin/true"
    host.ssh(f"systemd-run --quiet --collect --unit=planted {command}")
    host.ssh(f"until ss -Hlnt | grep -q ':{PLANTED} '; do :; done")
    yield
    host.ssh("systemctl stop planted")


def _answers(family: socket.AddressFamily, address: str, port: int) -> bool:
    with socket.socket(family) as probe:
        probe.settimeout(1)
        # The port alone is not enough of a local address in IPv6: its interface is part of it.
        return probe.connect_ex(socket.getaddrinfo(address, port, family)[0][4]) == 0


@pytest.mark.usefixtures("listener")
def test_only_ssh_and_web_answer_from_outside(host: Host) -> None:
    listed = host.ssh("ss -Hlnt | awk '{ print $4 }'").stdout.split()
    ports = {int(address.rpartition(":")[2]) for address in listed}
    # Those of PostgreSQL, Redis, the node exporter and the metrics.
    assert {5432, 6379, 9100, 9180, PLANTED} < ports
    local = host.ssh("ip -6 -o address show dev host0 scope link").stdout.split()[3]
    targets = {
        socket.AF_INET: host.address,
        socket.AF_INET6: f"{local.partition('/')[0]}%{network.BRIDGE}",
    }
    for family, address in targets.items():
        assert {port for port in ports if _answers(family, address, port)} == OPEN, address


def test_http_redirects_to_https(api: Api) -> None:
    answer = api.ask("GET", "/health", None, "", "http")
    assert answer.status == 301
    assert answer.headers["location"] == f"https://{DOMAIN}/health"


def test_http2_and_hsts(api: Api) -> None:
    answer = api.ask("GET", "/health")
    assert answer.version == "2"
    assert answer.headers["strict-transport-security"] == (
        "max-age=31536000; includeSubDomains; preload"
    )


def test_a_compressed_answer_has_an_etag_that_serves(api: Api, token: str) -> None:
    habit = {"name": "Long", "description": "long " * 390, "start_date": "2026-01-01"}
    path = f"/v1/habits/{api.ask('POST', '/v1/habits', habit, token).json()['id']}"
    shown = api.ask("GET", path, None, token, "https", "--compressed")
    assert shown.headers["content-encoding"] == "gzip"
    condition = f"If-Match: {shown.headers['etag']}"
    changed = api.ask("PATCH", path, {"name": "x"}, token, "https", "--header", condition)
    assert changed.status == 200, changed.body


@pytest.mark.parametrize(
    ("method", "path", "size", "status"),
    [("GET", "/internal/metrics", 0, 404), ("POST", "/v1/habits", 10_000_000, 413)],
)
def test_what_nginx_refuses_has_the_shape_of_a_problem(
    api: Api, tmp_path: Path, method: str, path: str, size: int, status: int
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * size)
    sent = ["--header", "Content-Type: application/json", "--data-binary", f"@{body}"]
    answer = api.ask(method, path, None, "", "https", *(sent if size else []))
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    ("version", "accepted"), [("tls1", 0), ("tls1_1", 0), ("tls1_2", 1), ("tls1_3", 1)]
)
def test_tls_versions(host: Host, version: str, accepted: int) -> None:
    command = ["openssl", "s_client", "-connect", f"{host.address}:443", "-servername", DOMAIN]
    # Level 0 lets this side offer the old versions, so that it is the server who refuses.
    options = [f"-{version}", "-cipher", "DEFAULT:@SECLEVEL=0"]
    done = subprocess.run([*command, *options], input=b"", capture_output=True, check=False)
    assert (done.returncode == 0) == bool(accepted), done.stderr


def test_an_unknown_name_gets_no_certificate(host: Host) -> None:
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"{host.address}:443",
        "-servername",
        "other.test",
    ]
    done = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert b"BEGIN CERTIFICATE" not in done.stdout


def test_the_unit_of_the_api_is_sandboxed(host: Host) -> None:
    shown = host.ssh("systemd-analyze security --no-pager fivebox-api@blue.service").stdout
    exposure = float(re.findall(r"exposure level for .*: ([0-9.]+)", shown)[0])
    record("systemd-analyze security of the API unit", exposure, "", 2.5)
    assert exposure <= 2.5


def test_the_certificate_renews(host: Host) -> None:
    before = host.ssh("cat /etc/nginx/tls/fullchain.pem").stdout
    bundle = f"REQUESTS_CA_BUNDLE={BUNDLE}"
    host.ssh(f"{bundle} certbot renew --force-renewal --no-random-sleep-on-renew")
    after = host.ssh("cat /etc/nginx/tls/fullchain.pem").stdout
    assert after != before
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host.address}:443", "-servername", DOMAIN],
        input="",
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    served = shown[shown.index("-----BEGIN") : shown.index("-----END")]
    assert served.strip() in after
