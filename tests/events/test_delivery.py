"""From a commit to the streams of its user, and to no other."""

import re


def test_a_write_is_told_to_each_stream_of_its_user(user, listen):
    phone, tablet = listen(user.token), listen(user.token)

    rev = user.add_habit("run")

    for listener in (phone, tablet):
        assert listener.next() == ("change", {"rev": rev}, str(rev))


def test_writes_by_each_of_two_workers_are_told(user, listen, api):
    listener = listen(user.token)

    # Each call is a connection of its own, which either worker may take.
    revisions = [user.add_habit(f"habit-{n}") for n in range(20)]

    told = 0
    while told < revisions[-1]:
        told = listener.next()[1]["rev"]
    assert told == revisions[-1]
    workers = set(re.findall(r"Booting worker with pid: (\d+)", api.log.read_text()))
    assert len(workers) == 2


def test_another_users_changes_are_never_seen(user, other, listen):
    mine, theirs = listen(user.token), listen(other.token)
    user.add_habit("mine-1")
    rev = user.add_habit("mine-2")

    their_rev = other.add_habit("theirs")

    assert theirs.next() == ("change", {"rev": their_rev}, str(their_rev))
    last = mine.next()
    while last[1]["rev"] < rev:
        last = mine.next()
    assert last == ("change", {"rev": rev}, str(rev))


def test_every_stream_begins_with_a_resync_whatever_was_last_seen(user, events):
    user.add_habit("run")

    listener = events.listen(user.token, **{"Last-Event-ID": "1"})

    assert listener.answer.headers["Content-Type"] == "text/event-stream"
    assert listener.answer.headers["Cache-Control"] == "no-store"
    assert listener.answer.headers["X-Accel-Buffering"] == "no"
    assert listener.next() == ("resync", {}, "")
    assert 1000 <= listener.retry <= 5000
    listener.close()


def test_a_silent_stream_is_kept_open_by_comments(token, start_events, listen):
    events = start_events(FIVEBOX_STREAM_HEARTBEAT_SECONDS="0.1")
    listener = listen(token(), events)

    for _ in range(3):
        listener.wait_for_comment()


def test_a_message_that_is_none_of_ours_does_no_harm(user, listen, valkey, events):
    from redis import Redis

    from app.events.channel import CHANNEL

    listener = listen(user.token)
    with Redis.from_url(valkey.url) as client:
        for data in (b"x", b"[]", b"{}", b'{"user": 1}', b'{"revoked": 1}', b"\xff", b"null"):
            client.publish(CHANNEL, data)

    rev = user.add_habit("run")

    assert listener.next() == ("change", {"rev": rev}, str(rev))
