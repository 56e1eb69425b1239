"""A real SMTP server, with TLS of an authority of its own."""

import asyncio
import re
import socket
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "fivebox", "quite/secret"
HOST = "127.0.0.1"
GIVE_UP_SECONDS = 20


class MailServer:
    """Collects mails; takes them only by TLS, and only of who logs in."""

    def __init__(self, folder: Path, host: str = HOST) -> None:
        """
        Args:
            folder: gets the authority's certificate, `authority`.
            host: address to listen on.
        """
        self.host = host
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(host).configure_cert(self._tls)
        self._controller: Controller | None = None
        self.scheme = "smtp"
        self.open_to_all = False
        self.received: list[EmailMessage] = []
        self.logged_in: list[str] = []
        # Answers to give instead of taking a mail, by recipient.
        self.refused_recipients: dict[str, str] = {}
        self.refused_data: dict[str, str] = {}
        self.answers_after = 0.0
        self.knows_utf8 = True
        self.hold_until_connections = 1
        self._holding: set[int] = set()

    def start(self, scheme: str = "smtp", port: int = 0, *, open_to_all: bool = False) -> None:
        """Listen: by STARTTLS (smtp) or by TLS from the first byte (smtps)."""
        self.scheme, self.open_to_all = scheme, open_to_all
        by_tls = scheme == "smtps"
        self._controller = Controller(
            self,
            hostname=self.host,
            port=port or _free_port(self.host),
            ssl_context=self._tls if by_tls else None,
            tls_context=None if by_tls else self._tls,
            require_starttls=not by_tls,
            auth_required=not open_to_all,
            authenticator=self._authenticate,
            # Its LOGIN asks for a "User Name", where clients wait for "Username:".
            auth_exclude_mechanism=["LOGIN"],
            # The port is encrypted where it matters; smtps is not known to it as such.
            auth_require_tls=not by_tls,
            enable_SMTPUTF8=self.knows_utf8,
        )
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    @property
    def port(self) -> int:
        assert self._controller
        return int(self._controller.port)

    @property
    def url(self) -> str:
        user = "" if self.open_to_all else f"{USER}:{PASSWORD.replace('/', '%2F')}@"
        return f"{self.scheme}://{user}{self.host}:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        """What was sent to an address."""
        return [message for message in self.received if message["To"] == address]

    def token(self, address: str) -> str:
        """The token in the last mail to an address."""
        found = re.search(r"#token=([\w-]+)", self.to(address)[-1].get_content())
        assert found
        return found[1]

    def _authenticate(
        self, _server: Any, _session: Session, _envelope: Envelope, _kind: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        if right:
            self.logged_in.append(USER)
        return AuthResult(success=right, handled=right)

    async def handle_RCPT(  # noqa: N802 - the server looks for this name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: Any, session: Session, envelope: Envelope
    ) -> str:
        (recipient,) = envelope.rcpt_tos
        if recipient in self.refused_data:
            return self.refused_data[recipient]
        self._holding.add(id(session))
        for _ in range(GIVE_UP_SECONDS * 100):
            if len(self._holding) >= self.hold_until_connections:
                break
            await asyncio.sleep(0.01)
        else:
            return "451 nobody else came"
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.received.append(message)
        await asyncio.sleep(self.answers_after)
        return "250 OK"


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])
