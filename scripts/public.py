"""The API through its public name, for the operators' tools."""

import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import urllib3

SECONDS = 20
# Longer than the silence between two heartbeats.
STREAM_SECONDS = 80

TOO_MANY = 429
# Exit status of a tool that judged nothing: it may make no further account for now (EX_TEMPFAIL).
LIMITED = 75


class Refused(Exception):
    """What the API refused, in one line; `status` is what it answered."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Account:
    """An account for a while.

    Attributes:
        email: its address.
        password: its password.
        token: access token, which `Public.refresh` replaces.
        refresh_token: what it is exchanged for.
        seconds: that an access token lasts.
    """

    email: str
    password: str
    token: str = ""
    refresh_token: str = ""
    seconds: int = 0

    def take(self, tokens: dict[str, Any]) -> None:
        """Go on with new tokens, as the API answers them."""
        self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.seconds = tokens["expires_in"]


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

    @contextmanager
    def account(self) -> Iterator[Account]:
        """Make an account, and delete it at the end, also after a fault.

        Raises:
            Refused: it was not made, or not deleted.
        """
        account = self._register()
        try:
            yield account
        finally:
            self._delete(account)

    def refresh(self, account: Account) -> None:
        """Exchange an account's tokens for new ones, before its access token ends.

        Raises:
            Refused: there are none.
            urllib3.exceptions.HTTPError: there was no answer.
        """
        body = {"refresh_token": account.refresh_token}
        answer = self.ask("POST", "/v1/accounts/refresh", body)
        _require(answer, 200, "new tokens were refused")
        account.take(answer.json())

    def _register(self) -> Account:
        # Nobody receives mail at example.com (RFC 2606, RFC 7505).
        email = f"check-{secrets.token_hex(8)}@example.com"
        password = secrets.token_urlsafe(24)
        body = {"email": email, "password": password, "name": "Check"}
        answer = self.ask("POST", "/v1/accounts/register", body)
        _require(answer, 201, "the account was refused")
        account = Account(email, password)
        account.take(answer.json()["tokens"])
        return account

    def _delete(self, account: Account) -> None:
        body = {"password": account.password}
        answer = self.ask("DELETE", "/v1/accounts/me", body, account.token)
        if answer.status == 401:
            # The token has ended meanwhile.
            body = {"email": account.email, "password": account.password}
            answer = self.ask("POST", "/v1/accounts/login", body)
            _require(answer, 200, f"{account.email} is left: no log-in")
            token = answer.json()["tokens"]["access_token"]
            answer = self.ask("DELETE", "/v1/accounts/me", {"password": account.password}, token)
        _require(answer, 202, f"{account.email} is left: its deletion was refused")


def _require(answer: urllib3.BaseHTTPResponse, status: int, what: str) -> None:
    if answer.status == TOO_MANY:
        raise Refused(
            TOO_MANY,
            f"{what}: this address or user has asked too often (fivebox_rate_limit_login for "
            "registrations and log-ins, else fivebox_rate_limit); "
            f"again in {answer.headers.get('Retry-After', 'some')} s",
        )
    if answer.status != status:
        raise Refused(answer.status, f"{what} with {answer.status}: {answer.data.decode()}")


def members(answer: urllib3.BaseHTTPResponse) -> Any:
    """The JSON of an answer; {} when it has none."""
    try:
        return answer.json()
    except ValueError:
        return {}
