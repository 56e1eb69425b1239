"""The API through its public name, for the operators' tools."""

import json
import secrets
import ssl
from typing import Any

import urllib3

SECONDS = 20
# Longer than the silence between two heartbeats.
STREAM_SECONDS = 80


class RefusedError(ValueError):
    """An account that the API did not make; `status` is what it answered."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the account was refused with {status}: {text}")
        self.status = status


class Public:
    """Connections to the API, kept alive; nothing is tried twice.

    Args:
        domain: public name; the certificate must be its.
        address: where to find it; "" asks the DNS.
        ca: file of the authority to trust; "" takes those of this machine.
        connections: that are kept.
        port: where it listens.
    """

    def __init__(
        self, domain: str, address: str = "", ca: str = "", connections: int = 1, port: int = 443
    ) -> None:
        self.domain = domain
        self.address = address or domain
        context = ssl.create_default_context(cafile=ca or None)
        self._pool = urllib3.HTTPSConnectionPool(
            self.address,
            port,
            ssl_context=context,
            server_hostname=domain,
            assert_hostname=domain,
            maxsize=connections,
            retries=False,
        )

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str = "",
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and read its answer, unless it is a stream.

        Raises:
            urllib3.exceptions.HTTPError: there was no answer, or the chain does not verify.
        """
        headers = {"Host": self.domain}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        sent = None
        if body is not None:
            sent = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        return self._pool.request(
            method,
            path,
            body=sent,
            headers=headers,
            redirect=False,
            preload_content=not stream,
            timeout=STREAM_SECONDS if stream else SECONDS,
        )

    def register(self) -> tuple[str, str]:
        """Make an account for a while; returns its password and access token.

        Raises:
            RefusedError: it was refused.
        """
        # Nobody receives mail at example.com (RFC 2606, RFC 7505).
        password = secrets.token_urlsafe(24)
        email = f"check-{secrets.token_hex(8)}@example.com"
        account = {"email": email, "password": password, "name": "Check"}
        answer = self.ask("POST", "/v1/accounts/register", account)
        if answer.status != 201:
            raise RefusedError(answer.status, answer.data.decode())
        return password, answer.json()["tokens"]["access_token"]


def members(answer: urllib3.BaseHTTPResponse) -> Any:
    """The JSON of an answer; {} when it has none."""
    try:
        return answer.json()
    except ValueError:
        return {}
