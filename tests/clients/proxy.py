"""A TCP proxy that does harm at a chosen request."""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Trap:
    """What happens once, at the first request that begins so."""

    beginning: bytes
    before: Callable[[], None] | None
    cut: bool
    sprung: threading.Event


class Proxy:
    """Passes connections on to a port of this host."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._traps: list[Trap] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_reply(self, beginning: str) -> threading.Event:
        """Drop the reply to the next such request: it is done, but its sender never hears so.

        Args:
            beginning: of the request, such as "POST /v1/sync".

        Returns:
            an event that tells when it happened.
        """
        return self._lay(Trap(beginning.encode(), None, True, threading.Event()))

    def before(self, beginning: str, action: Callable[[], None]) -> threading.Event:
        """Do something before the next such request is passed on."""
        return self._lay(Trap(beginning.encode(), action, False, threading.Event()))

    def close(self) -> None:
        self._listener.close()

    def _lay(self, trap: Trap) -> threading.Event:
        self._traps.append(trap)
        return trap.sprung

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        cut = threading.Event()
        back = threading.Thread(target=self._answer, args=(client, server, cut), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                trap = next((t for t in self._traps if data.startswith(t.beginning)), None)
                if trap:
                    self._traps.remove(trap)
                    if trap.before:
                        trap.before()
                        trap.sprung.set()
                    if trap.cut:
                        cut.sprung = trap.sprung  # type: ignore[attr-defined]
                        cut.set()
                server.sendall(data)
        _shut(server)

    def _answer(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if cut.is_set():
                    cut.sprung.set()  # type: ignore[attr-defined]
                    break
                client.sendall(data)
        _shut(client)
        _shut(server)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
