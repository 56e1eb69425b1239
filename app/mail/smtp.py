"""The mail server: always by TLS with a certificate that is checked."""

import smtplib
import ssl
import time
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from flask import Flask
from pydantic import AnyUrl

from app.operations.health import add_check
from app.settings import Settings

PORTS = {"smtp": 587, "smtps": 465}
# For each step of the dialogue.
TIMEOUT_SECONDS = 15.0
# For the answer to a mail's data (RFC 5321, 4.5.3.2.6), which the server may filter meanwhile: who
# gives up sends again what it takes.
ANSWER_SECONDS = 600.0
CHECK_TIMEOUT_SECONDS = 1.5
# Providers ban who knocks all the time, so a check's outcome serves for a while.
CHECK_EVERY_SECONDS = 60.0


class _Patient(smtplib.SMTP):
    """Waits longer for one answer than for all others."""

    def send(self, s: Any) -> None:
        super().send(s)
        if self.sock:
            ends_mail = isinstance(s, bytes) and s.endswith(b"\r\n.\r\n")
            self.sock.settimeout(ANSWER_SECONDS if ends_mail else self.timeout)


class _PatientByTls(_Patient, smtplib.SMTP_SSL):
    pass


class Connection:
    """A logged-in connection to the mail server; made by `with`."""

    def __init__(self, url: AnyUrl, timeout: float = TIMEOUT_SECONDS) -> None:
        """
        Args:
            url: smtp:// (RFC 6409, by STARTTLS of RFC 3207) or smtps:// (RFC 8314).
            timeout: seconds that each step may take, but the answer to a mail's data.
        """
        self._url = url
        self._timeout = timeout

    def __enter__(self) -> smtplib.SMTP:
        """
        Raises:
            OSError: no connection, or no trusted certificate.
            smtplib.SMTPException: the server offers no STARTTLS, or refuses the log-in.
        """
        url, tls = self._url, ssl.create_default_context()
        # An IPv6 host stands in brackets.
        host, port = (url.host or "").strip("[]"), url.port or PORTS[url.scheme]
        if url.scheme == "smtps":
            self._server: smtplib.SMTP = _PatientByTls(
                host, port, timeout=self._timeout, context=tls
            )
        else:
            self._server = _Patient(host, port, timeout=self._timeout)
        try:
            if url.scheme == "smtp":
                self._server.starttls(context=tls)
            if url.username and url.password:
                self._server.login(unquote(url.username), unquote(url.password))
        except BaseException:
            self._server.close()
            raise
        return self._server

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            self._server.quit()
        except (OSError, smtplib.SMTPException):
            self._server.close()


class Check:
    """The health check of the mail server; it remembers its outcome for a minute."""

    def __init__(self, url: AnyUrl) -> None:
        self._url = url
        self._next = 0.0
        self._error: Exception | None = None

    def __call__(self) -> None:
        """Connect and log in.

        Raises:
            OSError: no connection, or no trusted certificate.
            smtplib.SMTPException: the server refuses.
        """
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + CHECK_EVERY_SECONDS
            try:
                with Connection(self._url, CHECK_TIMEOUT_SECONDS) as server:
                    server.noop()
                self._error = None
            except (OSError, smtplib.SMTPException) as error:
                self._error = error
        if self._error:
            raise self._error


def reason(error: Exception) -> str:
    """What went wrong, by kind and SMTP code; never the server's text, which may hold secrets."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _text in error.recipients.values()})
        return " ".join([type(error).__name__, *codes])
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return type(error).__name__


def init_app(app: Flask, settings: Settings) -> None:
    """Check the mail server in the health of a server that has one."""
    if settings.smtp_url:
        add_check(app, "mail", Check(settings.smtp_url))
