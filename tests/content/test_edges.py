"""Edges are told of writes."""

import threading

import pytest
import urllib3

from app.content import edges as purging
from tests.content.conftest import ADMIN, recipe
from tests.content.server import Answering, send
from tests.waiting import wait_until


@pytest.fixture
def edges():
    running = [Answering(), Answering()]
    for edge in running:
        edge.answer = lambda handler: send(handler, 204)
    yield running
    for edge in running:
        edge.stop()


@pytest.fixture
def write(kitchen, admin):
    """Write a recipe by an application that knows some edges."""

    def send_put(*urls: str, title: str = "Soup") -> None:
        client = kitchen(edge_purge_urls=urls).test_client()
        answer = client.put(f"{ADMIN}/soup", json=recipe(title), headers=admin.headers)
        assert answer.status_code in (200, 201)

    return send_put


@pytest.fixture
def purges(count):
    before = {o: count("content_edge_purges_total", outcome=o) for o in ("ok", "failed")}
    return lambda o: count("content_edge_purges_total", outcome=o) - before[o]


def test_every_edge_is_told_which_collection_changed(write, edges, purges):
    write(f"{edges[0].url}/purge/", edges[1].url)

    wait_until(lambda: purges("ok") == 2)
    assert [request[:2] for request in edges[0].requests] == [("PURGE", "/purge/recipes")]
    assert [request[:2] for request in edges[1].requests] == [("PURGE", "/recipes")]


def test_edges_are_told_after_the_commit(write, edges, owner_connection):
    seen = []

    def look(handler):
        seen.append(owner_connection.execute("SELECT id FROM content_documents").fetchall())
        send(handler, 204)

    edges[0].answer = look
    write(edges[0].url)

    wait_until(lambda: bool(seen))
    assert seen == [[("soup",)]]


def test_a_write_that_changes_nothing_is_not_told(write, edges, purges):
    write(edges[0].url)
    wait_until(lambda: purges("ok") == 1)
    write(edges[0].url)
    write(edges[1].url, title="Broth")
    wait_until(lambda: purges("ok") == 2)

    assert len(edges[0].requests) == 1


@pytest.mark.parametrize("kind", ["answers 503", "drops the connection"])
def test_an_edge_that_just_starts_again_is_told_once_more(write, edges, purges, kind):
    def stumble(handler):
        if len(edges[0].requests) == 3:
            send(handler, 204)
        elif kind == "answers 503":
            send(handler, 503, Retry_After="100")
        else:
            handler.close_connection = True

    edges[0].answer = stumble
    write(edges[0].url)

    wait_until(lambda: purges("ok") == 1)
    assert (purges("failed"), len(edges[0].requests)) == (0, 3)


def test_an_edge_that_is_down_or_refuses_holds_nothing_up(write, edges, purges):
    edges[0].answer = lambda handler: send(handler, 405)
    gone = Answering()
    gone.stop()

    write(edges[0].url, gone.url, edges[1].url)

    wait_until(lambda: (purges("ok"), purges("failed")) == (1, 2))


@pytest.fixture
def hanging(edges):
    """Let an edge take a request and say nothing until told to."""
    may_answer = threading.Event()
    edges[0].answer = lambda handler: (may_answer.wait(30), send(handler, 204))
    yield may_answer
    may_answer.set()


def test_a_write_does_not_wait_for_an_edge(write, edges, hanging, purges, monkeypatch):
    monkeypatch.setattr(purging, "_http", urllib3.PoolManager(timeout=30, retries=False))

    write(edges[0].url)

    wait_until(lambda: len(edges[0].requests) == 1)
    assert (purges("ok"), purges("failed")) == (0, 0)
    hanging.set()
    wait_until(lambda: purges("ok") == 1)


def test_an_edge_that_hangs_is_given_up(write, edges, hanging, purges):
    write(edges[0].url)

    wait_until(lambda: purges("failed") == 1)
    assert not hanging.is_set()
