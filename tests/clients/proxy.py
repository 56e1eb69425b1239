"""A proxy of HTTP or the database that does harm at a chosen request."""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


def nothing() -> None:
    """Do nothing."""


@dataclass
class Trap:
    """What happens once, at the first request that has these words."""

    words: bytes
    before: Callable[[], object] = nothing
    after: Callable[[], object] = nothing
    cut: bool = False
    answered: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Passes connections to a port of its own on to a server of this host.

    Args:
        server: its port, or the path of its socket.
    """

    def __init__(self, server: int | Path) -> None:
        self._server = server
        self._traps: list[Trap] = []
        # Connections share the traps.
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_reply(self, words: str) -> threading.Event:
        """Drop the reply to the next such request: it is done, but its sender never hears so.

        Args:
            words: of the request, such as "POST /v1/sync".

        Returns:
            an event that tells when the reply was there.
        """
        return self._lay(Trap(words.encode(), cut=True))

    def meddle(
        self,
        words: str,
        *,
        before: Callable[[], object] = nothing,
        after: Callable[[], object] = nothing,
    ) -> threading.Event:
        """Do something before the next such request is passed on, and before its reply is.

        Returns:
            an event that tells when the reply was there.
        """
        return self._lay(Trap(words.encode(), before, after))

    def close(self) -> None:
        self._listener.close()

    def _lay(self, trap: Trap) -> threading.Event:
        with self._lock:
            self._traps.append(trap)
        return trap.answered

    def _take(self, data: bytes) -> Trap | None:
        with self._lock:
            trap = next((t for t in self._traps if t.words in data), None)
            if trap:
                self._traps.remove(trap)
            return trap

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                ends = (client, self._connect())
                threading.Thread(target=self._serve, args=ends, daemon=True).start()

    def _connect(self) -> socket.socket:
        if isinstance(self._server, int):
            return socket.create_connection(("127.0.0.1", self._server))
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server))
        return server

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        asked: list[Trap] = []
        back = threading.Thread(target=self._answer, args=(client, server, asked), daemon=True)
        back.start()
        # Also when a trap raises: the other thread then ends, and with it the client's connection.
        with contextlib.ExitStack() as ends, contextlib.suppress(OSError):
            ends.callback(_shut, server)
            while data := client.recv(65536):
                if trap := self._take(data):
                    trap.before()
                    asked.append(trap)
                server.sendall(data)

    def _answer(self, client: socket.socket, server: socket.socket, asked: list[Trap]) -> None:
        with contextlib.ExitStack() as ends, contextlib.suppress(OSError):
            ends.callback(_shut, server)
            ends.callback(_shut, client)
            while data := server.recv(65536):
                trap = asked.pop() if asked else None
                if trap:
                    trap.after()
                    trap.answered.set()
                if trap and trap.cut:
                    break
                client.sendall(data)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
