"""Redis restarts, or is gone: nothing fails, and every client is told to pull."""

import time

import pytest

from app.events.channel import Change
from app.events.publisher import MAX_WAITING, Publisher
from tests.events.processes import Valkey
from tests.waiting import wait_until


@pytest.fixture
def down(valkey: Valkey):
    """Valkey is gone until `valkey.start()`; it is back after the test."""
    valkey.stop()
    yield valkey
    if not valkey.socket.exists():
        valkey.start()


def test_after_a_restart_every_stream_is_told_to_pull(user, token, listen, events, valkey):
    listeners = [listen(user.token), listen(token())]

    valkey.stop()
    wait_until(lambda: events.metric("events_redis_connected") == 0)
    valkey.start()

    for listener in listeners:
        assert listener.next() == ("resync", {}, "")
    rev = user.add_habit("run")
    event = listeners[0].next()
    while event[0] == "resync":
        event = listeners[0].next()
    assert event == ("change", {"rev": rev}, str(rev))


def test_writes_go_on_while_redis_is_gone(user, listen, events, down, api):
    listener = listen(user.token)
    unsent = api.metric("events_unavailable_total")

    revisions = [user.add_habit(f"habit-{n}") for n in range(20)]

    wait_until(lambda: api.metric("events_unavailable_total") > unsent)
    down.start()
    hear(listener, revisions[-1])


def test_writes_do_not_wait_for_a_redis_that_hangs(user, listen, valkey):
    listener = listen(user.token)
    user.add_habit("first")
    valkey.freeze()
    begun = time.monotonic()
    try:
        revisions = [user.add_habit(f"habit-{n}") for n in range(20)]
        # One that waited would take the two seconds of the time-out each time.
        assert time.monotonic() - begun < 20
    finally:
        valkey.thaw()
    hear(listener, revisions[-1])


def hear(listener, rev: int) -> None:
    """Read until the client is told to pull, by whichever word, after this revision."""
    event, data, _ = listener.next()
    while event != "resync" and data["rev"] < rev:
        event, data, _ = listener.next()


def test_a_stream_opens_while_redis_is_gone(token, events, listen, down):
    wait_until(lambda: events.metric("events_redis_connected") == 0)

    listener = listen(token())

    down.start()
    assert listener.next() == ("resync", {}, "")


def test_a_device_logged_out_while_redis_is_gone_is_ended_afterwards(user, events, listen, down):
    listener = listen(user.token)

    assert user.call("POST", "/v1/accounts/logout")[0] == 204
    down.start()

    event = listener.next()
    while event[0] == "resync":
        event = listener.next()
    assert event == ("revoked", {}, "")


def test_what_is_too_much_to_keep_is_dropped_and_counted(client, folder):
    publisher = Publisher(f"unix://{folder}/nothing.sock", 900)
    more = 10

    for rev in range(MAX_WAITING + more):
        publisher.publish(Change("someone", rev))

    lines = client.get("/internal/metrics").text.splitlines()
    (dropped,) = [x for x in lines if x.startswith("events_dropped_total ")]
    # One is in the hands of the thread.
    assert float(dropped.split()[1]) >= more - 1


def test_a_worker_that_stops_still_sends_what_it_has(user, start_api, published):
    server = start_api()
    user.api = server

    rev = user.add_habit("last")
    server.stop()

    assert published(1) == [{"user": user.id, "rev": rev}]
