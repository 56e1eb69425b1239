"""One certificate for all edges: the first renews it, the others take it over."""

import socket
import ssl

from tests.lab.acme import BUNDLE
from tests.lab.conftest import DOMAIN, Api
from tests.lab.figures import record
from tests.lab.hosts import Host
from tests.lab.waiting import until

INTERNAL = 8443
SECONDS = 10


def test_the_key_of_the_public_name_is_for_edges_only(fleet: dict[str, Host]) -> None:
    ask = "cd /etc/fivebox-tls; curl --silent --output /dev/null --write-out '%{http_code}' "
    url = f"https://{fleet['edge1'].address}:{INTERNAL}/certificate"
    options = f"--cacert ca.pem --cert cert.pem --key key.pem {url}"
    assert fleet["edge2"].ssh(f"{ask} {options}").stdout == "200"
    # An API host may purge there, and no more, not even with the certificate of an edge.
    assert fleet["api1"].ssh(f"{ask} {options}").stdout == "404"
    stolen = fleet["edge2"].ssh("cat /etc/fivebox-tls/cert.pem /etc/fivebox-tls/key.pem").stdout
    fleet["api1"].ssh(f"umask 077; cat > /root/stolen.pem <<'END'\n{stolen}END")
    shown = fleet["api1"].ssh(f"{ask} --cacert ca.pem --cert /root/stolen.pem {url}").stdout
    fleet["api1"].ssh("rm /root/stolen.pem")
    assert shown == "404"


def _served(edge: Api) -> bytes:
    """The certificate that an edge shows; its chain must verify."""
    context = ssl.create_default_context(cafile=edge.root)
    with (
        socket.create_connection((edge.address, 443), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=DOMAIN) as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


def _is_on(host: Host, unit: str) -> bool:
    return host.ssh(f"systemctl is-active {unit}", check=False).stdout == "active\n"


def test_one_edge_renews_and_the_others_look_for_what_is_new(fleet: dict[str, Host]) -> None:
    first, second = fleet["edge1"], fleet["edge2"]
    assert _is_on(first, "certbot.timer")
    assert not _is_on(first, "fivebox-certificate.timer")
    assert _is_on(second, "fivebox-certificate.timer")
    assert not _is_on(second, "certbot.timer")
    assert not second.succeeds("ls /etc/letsencrypt/live")


def test_all_edges_serve_a_renewed_certificate(fleet: dict[str, Host], edges: list[Api]) -> None:
    first, second = edges
    before = _served(first)
    assert _served(second) == before
    bundle = f"REQUESTS_CA_BUNDLE={BUNDLE}"
    # The authority asks the name for the challenge, and that leads to the other edge.
    fleet["edge1"].ssh(f"{bundle} certbot renew --force-renewal --no-random-sleep-on-renew")
    until(lambda: _served(first) != before, SECONDS)
    renewed = _served(first)
    # As its timer does, each hour.
    fleet["edge2"].ssh("systemctl start fivebox-certificate.service")
    took = until(lambda: _served(second) == renewed, SECONDS)
    record("fleet: a renewed certificate on the other edge", took, "s", SECONDS)
    for edge in edges:
        assert edge.ask("GET", "/health").status == 200


def test_the_same_certificate_is_not_taken_over_again(fleet: dict[str, Host]) -> None:
    fetch = "/usr/local/sbin/fivebox-fetch-certificate"
    changed = "stat --format %Y.%i /etc/nginx/tls/fullchain.pem"
    before = fleet["edge2"].ssh(changed).stdout
    assert fleet["edge2"].ssh(fetch).stdout == ""
    assert fleet["edge2"].ssh(changed).stdout == before
