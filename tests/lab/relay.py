"""Clients far away: a relay that delays all bytes, and the ends of connections, both ways."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

CHUNK = 65_536


class Relay:
    """Relays the connections of a local port.

    Args:
        address: of the server.
        port: of the server.
        delay: seconds that each byte is on its way.
    """

    def __init__(self, address: str, port: int, delay: float) -> None:
        self._server = (address, port)
        self._delay = delay

    async def serve(self) -> asyncio.Server:
        """Listen on a free port of loopback."""
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(*self._server)
        # The relay may end before its connections.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(self._carry(client, to_server), self._carry(server, to_client))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        chunk = b"begin"
        while chunk:
            try:
                chunk = await source.read(CHUNK)
            except OSError:
                chunk = b""
            arrive = partial(target.write, chunk) if chunk else target.close
            loop.call_later(self._delay, arrive)


@contextmanager
def far_away(address: str, port: int, delay: float) -> Iterator[int]:
    """Run a relay in a thread; yields its port.

    Args:
        address: of the server.
        port: of the server.
        delay: seconds that each byte is on its way.
    """
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(Relay(address, port, delay).serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    carried = asyncio.all_tasks() - {asyncio.current_task()}
    for task in carried:
        task.cancel()
    await asyncio.gather(*carried, return_exceptions=True)
