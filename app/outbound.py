"""HTTP to services that may be slow, silent or endless: a whole answer in time, or none.

The time-outs of urllib3 are for each read of the socket, so that a byte now and then never reaches
them. Here each call runs in a thread of its own, and its connection is shut when its time is over.
"""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class NoReply(Exception):
    """There is no whole answer; the text says why."""


class ReplyTooLarge(NoReply):
    """The answer has more bytes than it may have."""


@dataclass(frozen=True)
class Reply:
    """An answer; `body` is empty unless the status is 200."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client(urllib3.PoolManager):
    """Calls services; neither follows redirects, which would carry a key elsewhere, nor retries."""

    def __init__(self, name: str, calls: int, timeout: urllib3.Timeout) -> None:
        """
        Args:
            name: that of its threads.
            calls: calls at a time; others wait for their turn, within their time.
            timeout: of each connection and each read.
        """
        super().__init__(timeout=timeout, retries=False, maxsize=calls)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        self._threads = ThreadPoolExecutor(calls, thread_name_prefix=name)

    def fetch(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        max_bytes: int,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Reply:
        """Call a service.

        Args:
            method: of HTTP.
            url: where it is.
            seconds: from now to the last byte of the answer.
            max_bytes: of the body, unpacked; with 0 it is not read.
            headers: of the request.
            body: of the request.

        Raises:
            ReplyTooLarge: the body has more bytes.
            NoReply: there was no whole answer in time.
        """
        call = _Call()
        running = self._threads.submit(self._run, call, method, url, max_bytes, headers, body)
        try:
            return running.result(seconds)
        except FutureTimeoutError:
            running.cancel()
            call.shut()
            raise NoReply(f"took longer than {seconds:g} s") from None

    def _run(
        self,
        call: "_Call",
        method: str,
        url: str,
        max_bytes: int,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Reply:
        _running.set(call)
        try:
            response = self.request(
                method, url, body=body, headers=headers, redirect=False, preload_content=False
            )
            try:
                wanted = max_bytes if response.status == 200 else 0
                return Reply(response.status, response.headers, _read(response, wanted))
            finally:
                # What was not read would be taken for the next answer.
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise NoReply(f"did not answer: {type(error).__name__}") from error
        finally:
            call.end()


def _read(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    while max_bytes and (part := response.read1(65_536)):
        body += part
        if len(body) > max_bytes:
            raise ReplyTooLarge(f"answered more than {max_bytes} bytes")
    return bytes(body)


class _Call:
    """A call in its thread, and the connection that it uses, for another thread to shut."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection: socket.socket | None = None
        self._over = False

    def use(self, connected: socket.socket) -> None:
        """Note the connection; it is shut at once when the call is over."""
        # A handle of its own: TLS takes the first one away, and whoever closed a connection leaves
        # its number to the next.
        handle = socket.fromfd(connected.fileno(), connected.family, connected.type)
        with self._lock:
            if self._connection:
                self._connection.close()
            self._connection = handle
            over = self._over
        if over:
            self.shut()

    def shut(self) -> None:
        """Shut the connection: whoever reads from it finds its end."""
        with self._lock:
            self._over = True
            if self._connection:
                with suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Let go of the connection, which may serve another call."""
        with self._lock:
            if self._connection:
                self._connection.close()
                self._connection = None


_running: ContextVar[_Call] = ContextVar("running")


class _Connection(HTTPConnection):
    """A connection that its call knows from its first byte, those of TLS included."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        _running.get().use(connected)
        return connected

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:
            _running.get().use(self.sock)
        super().request(*args, **options)


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection
