"""How streams end: token, device, client, process; and what a client hears of it."""

import os
import signal
import time
from http.client import HTTPException
from itertools import count, islice
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import text

from app.database.session import act_as
from app.extensions import db
from tests.conftest import PASSWORD
from tests.events.processes import Listener
from tests.waiting import wait_until


@pytest.fixture
def stall(user):
    """Open a stream, and read nothing of it beyond its head."""
    opened = []

    def start(server) -> Listener:
        opened.append(server.listen(user.token))
        assert opened[-1].status == 200
        return opened[-1]

    yield start
    for listener in opened:
        listener.close()


def open_streams(server) -> float:
    return server.metric("events_streams_open")


def test_a_stream_ends_with_its_token(token, listen):
    listener = listen(token(exp=int(time.time()) + 2))

    assert listener.next() == ("expired", {}, "")
    assert listener.next() is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/accounts/logout"),
        ("POST", "/v1/accounts/logout-everywhere"),
        ("DELETE", "/v1/accounts/devices/{device}"),
    ],
)
def test_a_stream_ends_with_its_device(user, listen, events, method, path):
    listener = listen(user.token)

    assert user.call(method, path.format(device=user.device))[0] == 204

    assert listener.next() == ("revoked", {}, "")
    assert listener.next() is None
    # The token itself would be good for a quarter of an hour.
    assert events.listen(user.token).status == 401


def test_only_the_devices_logged_out_are_ended(user, other, listen, api):
    log_in = {"email": user.email, "password": PASSWORD}
    tablet = api.request("POST", "/v1/accounts/login", log_in)[2]["tokens"]
    mine, second, theirs = (listen(t) for t in (user.token, tablet["access_token"], other.token))

    assert user.call("DELETE", f"/v1/accounts/devices/{tablet['device_id']}")[0] == 204

    assert second.next() == ("revoked", {}, "")
    rev = user.add_habit("run")
    assert mine.next() == ("change", {"rev": rev}, str(rev))
    rev = other.add_habit("run")
    assert theirs.next() == ("change", {"rev": rev}, str(rev))


def test_a_process_that_starts_later_knows_the_devices_logged_out(user, start_events):
    assert user.call("POST", "/v1/accounts/logout")[0] == 204

    server = start_events()

    assert wait_until(lambda: server.listen(user.token).status == 401)


def test_a_deleted_account_ends_its_streams(user, listen, make_app, valkey):
    listener = listen(user.token)
    with make_app(redis_url=valkey.url).app_context():
        act_as(user.id)
        db.session.execute(text("DELETE FROM users WHERE id = :id"), {"id": user.id})
        db.session.commit()

    assert listener.next() == ("revoked", {}, "")


def test_a_client_that_leaves_is_noticed_at_once(token, listen, events):
    before = open_streams(events)
    listener = listen(token())
    assert open_streams(events) == before + 1

    listener.close()

    # The next heartbeat would be 25 seconds away.
    wait_until(lambda: open_streams(events) == before)


def test_streams_end_within_seconds_when_the_process_is_told_to_stop(token, start_events, listen):
    server = start_events()
    listeners = [listen(token(), server) for _ in range(20)]
    for listener in listeners:
        listener.retry = 0
    begun = time.monotonic()
    ended = []

    server.process.send_signal(signal.SIGTERM)

    for listener in listeners:
        assert listener.next() == ("bye", {}, "")
        ended.append(time.monotonic())
        assert listener.next() is None
        assert 1000 <= listener.retry <= 5000
    assert len({listener.retry for listener in listeners}) > 5
    # One after the other: their clients connect again, which is work.
    assert ended[-1] - ended[0] > 0.5
    assert server.process.wait(10) == 0
    assert time.monotonic() - begun < 6


def test_a_stream_that_has_yet_to_end_hears_of_changes(user, token, start_events, listen):
    server = start_events()
    others = [listen(token(), server) for _ in range(100)]
    last = listen(user.token, server)

    server.process.send_signal(signal.SIGTERM)
    assert others[0].next()[0] == "bye"
    rev = user.add_habit("run")

    assert last.next() == ("change", {"rev": rev}, str(rev))
    assert last.next()[0] == "bye"


def test_clients_reconnect_to_the_next_process(user, start_events, listen):
    first = start_events()
    listener = listen(user.token, first)
    first.stop()
    assert listener.next()[0] == "bye"

    again = listen(user.token, start_events())
    rev = user.add_habit("run")

    assert again.next() == ("change", {"rev": rev}, str(rev))


def test_a_slow_client_costs_no_memory_and_gets_the_newest(user, events, stall, listen, publish):
    """A client that reads nothing while 20,000 revisions are published."""
    witness = listen(user.token)
    stalled = stall(events)
    # More than the socket takes of single events.
    for rev in range(1, 301):
        publish(user.id, [rev])
        assert witness.next()[1] == {"rev": rev}
    memory = psutil.Process(events.worker).memory_info().rss

    publish(user.id, range(301, 20_001))
    newest = 0
    while newest < 20_000:
        newest = witness.next()[1]["rev"]

    assert psutil.Process(events.worker).memory_info().rss - memory < 4_000_000
    read = []
    while not read or read[-1] < 20_000:
        read.append(stalled.next()[1].get("rev", 0))
    # What the socket took comes first, then one event for all the rest.
    assert len(read) < 300
    assert read == sorted(set(read))


def test_a_client_that_takes_nothing_for_long_is_let_go(user, start_events, stall, publish):
    server = start_events()
    stall(server)
    revisions = count(1)

    def is_let_go() -> bool:
        publish(user.id, islice(revisions, 20))
        return server.metric('events_streams_ended_total{reason="slow"}') == 1

    wait_until(is_let_go, "the stream is ended")

    assert open_streams(server) == 0
    assert server.listen(user.token).next() == ("resync", {}, "")
    assert "Traceback" not in server.log.read_text()


def test_a_worker_that_is_killed_is_replaced(token, start_events, listen):
    server = start_events()
    killed = server.worker
    listener = listen(token(), server)

    os.kill(killed, signal.SIGKILL)

    with pytest.raises((OSError, HTTPException)):
        listener.answer.read()
    wait_until(lambda: server.worker != killed, "another worker")
    assert listen(token(), server)


def test_random_users_share_nothing(token, listen, publish):
    first, second = str(uuid4()), str(uuid4())
    one, two = listen(token(sub=first)), listen(token(sub=second))

    publish(first, [5])
    publish(second, [9])

    assert one.next() == ("change", {"rev": 5}, "5")
    assert two.next() == ("change", {"rev": 9}, "9")
