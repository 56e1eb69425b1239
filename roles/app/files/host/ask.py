"""Asking the API: over the socket of a slot, or behind the nginx of this host."""

import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

SECONDS = 5


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=SECONDS)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def to_nginx(url):
    """A connection to the nginx of this host, by its public name (https) or a private address."""
    place = urlsplit(url)
    if place.scheme == "https":
        return PublicConnection(place.hostname)
    return http.client.HTTPConnection(place.netloc, timeout=SECONDS)


class PublicConnection(http.client.HTTPConnection):
    """HTTPS to the nginx of this host, under its public name."""

    def __init__(self, name):
        super().__init__(name, timeout=SECONDS)

    def connect(self):
        context = ssl.create_default_context()
        # The host asks itself which version it serves; verify.yml checks the certificate.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        raw = socket.create_connection(("127.0.0.1", 443), timeout=self.timeout)
        self.sock = context.wrap_socket(raw, server_hostname=self.host)


def get(connection, path):
    """Status and text of a GET; (0, "") when nobody answers."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException, ValueError):
        return 0, ""
    finally:
        connection.close()


def get_json(connection, path):
    """Status and JSON of a GET; (0, {}) when nobody answers, or with something else."""
    status, text = get(connection, path)
    try:
        return status, json.loads(text)
    except ValueError:
        return status, {}
