"""Calls of other services end in time, whatever those do."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import urllib3

from app.outbound import Client, NoReply, ReplyTooLarge
from tests.content.server import Answering, send, trickle

GIVE_UP_SECONDS = 10.0


@pytest.fixture
def server() -> Iterator[Answering]:
    running = Answering()
    yield running
    running.stop()


@pytest.fixture
def client() -> Client:
    """Reads may take long, so that only the whole call's time ends it."""
    return Client("test", 1, urllib3.Timeout(30))


def fetch(client: Client, url: str, seconds: float = GIVE_UP_SECONDS, max_bytes: int = 10) -> bytes:
    return client.fetch("GET", url, seconds=seconds, max_bytes=max_bytes, headers={}).body


def test_an_answer_is_whole_and_its_connection_serves_the_next(
    client: Client, server: Answering
) -> None:
    ports = []

    def answer(handler) -> None:
        ports.append(handler.client_address[1])
        send(handler, 200, b"0123456789")

    server.answer = answer

    assert [fetch(client, server.url) for _ in range(2)] == [b"0123456789"] * 2
    assert ports[0] == ports[1]


def test_a_trickling_header_ends_with_the_call(client: Client, server: Answering) -> None:
    gone = threading.Event()
    server.answer = lambda handler: trickle(handler, gone)
    begun = time.monotonic()

    with pytest.raises(NoReply, match=r"took longer than 0.3 s"):
        fetch(client, server.url, seconds=0.3)

    assert time.monotonic() - begun < GIVE_UP_SECONDS
    assert gone.wait(GIVE_UP_SECONDS)
    # The only thread is free, and takes no dead connection.
    server.answer = lambda handler: send(handler, 200, b"well")
    assert fetch(client, server.url) == b"well"


def test_a_kept_connection_that_falls_silent_ends_with_the_call(
    client: Client, server: Answering
) -> None:
    server.answer = lambda handler: send(handler, 200, b"well")
    fetch(client, server.url)
    gone = threading.Event()
    server.answer = lambda handler: trickle(handler, gone)

    with pytest.raises(NoReply, match="took longer"):
        fetch(client, server.url, seconds=0.3)

    assert gone.wait(GIVE_UP_SECONDS)


def test_silence_within_the_handshake_ends_with_the_call(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(NoReply, match="took longer"):
            fetch(client, f"https://127.0.0.1:{silent.getsockname()[1]}", seconds=0.3)
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(GIVE_UP_SECONDS)
            # The greeting of TLS, then the end.
            while connection.recv(4096):
                pass


def test_a_call_that_waits_for_its_turn_ends_in_time_too(client: Client, server: Answering) -> None:
    arrived, leave = threading.Event(), threading.Event()

    def hold(handler) -> None:
        arrived.set()
        leave.wait(GIVE_UP_SECONDS)
        send(handler, 200, b"late")

    server.answer = hold
    first: list[bytes] = []
    thread = threading.Thread(target=lambda: first.append(fetch(client, server.url)))
    thread.start()
    assert arrived.wait(GIVE_UP_SECONDS)

    with pytest.raises(NoReply, match="took longer"):
        fetch(client, server.url, seconds=0.1)

    leave.set()
    thread.join(GIVE_UP_SECONDS)
    assert (first, len(server.requests)) == ([b"late"], 1)


def test_a_body_is_bounded_and_read_only_when_it_is_wanted(
    client: Client, server: Answering
) -> None:
    server.answer = lambda handler: send(handler, 200, b"01234567890")

    with pytest.raises(ReplyTooLarge, match="answered more than 10 bytes"):
        fetch(client, server.url)
    assert fetch(client, server.url, max_bytes=0) == b""


def test_nobody_there_is_no_reply(client: Client, server: Answering) -> None:
    server.stop()

    with pytest.raises(NoReply, match="did not answer: NewConnectionError"):
        fetch(client, server.url)
