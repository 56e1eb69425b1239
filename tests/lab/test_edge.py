"""What the host shows to the outside."""

import socket
import subprocess

import pytest

from tests.lab.conftest import DOMAIN, Api
from tests.lab.hosts import Host

PORTS = (22, 80, 443, 5432, 6379, 8000, 9100, 9180)
OPEN = {22, 80, 443}


def _answers(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def test_only_ssh_and_web_answer_from_outside(host: Host) -> None:
    assert {port for port in PORTS if _answers(host.address, port)} == OPEN


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
    command = "systemd-analyze security --threshold=25 fivebox-api@blue.service"
    assert host.ssh(command, check=False).returncode == 0


def test_the_certificate_renews(host: Host) -> None:
    before = host.ssh("cat /etc/nginx/tls/fullchain.pem").stdout
    bundle = "REQUESTS_CA_BUNDLE=/etc/ssl/certs/lab-ca.pem"
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
