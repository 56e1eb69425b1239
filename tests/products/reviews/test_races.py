"""Two acts on a review at the same time: the one that waits finds what the other did."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import event

from app.extensions import db
from local.servers import EmbeddedServers
from tests.conftest import Account
from tests.products.reviews.conftest import call, rate, shown, summary

pytestmark = pytest.mark.usefixtures("books")
WRITE = (
    "INSERT INTO user_reviews (user_id, id, author_id, rating, title, text, language, spoiler,"
    " published, notes) VALUES (%s, %s, gen_random_uuid(), 4, '', '', 'en', false, true, '')"
)


@pytest.fixture
def acting(servers: EmbeddedServers) -> Callable[[Account], Any]:
    """A transaction of the API's role that acts for a user; it commits at the end."""

    @contextmanager
    def connect(user: Account) -> Iterator[psycopg.Connection]:
        url = servers.superuser_url.replace("postgres@", "fivebox_app@")
        with psycopg.connect(url) as connection:
            connection.execute("SELECT set_config('app.user_id', %s, true)", [user.id])
            connection.execute("SELECT FROM sync_state FOR UPDATE")
            yield connection

    return connect


@pytest.mark.parametrize("reviewed", [(), ("faust",)])
def test_a_review_beside_the_deletion_of_its_author_is_not_shown(
    reader: Account,
    client: FlaskClient,
    acting: Callable[[Account], Any],
    wait_for_lock: Callable[[], None],
    reviewed: tuple[str, ...],
) -> None:
    for book_id in reviewed:
        rate(reader, book_id)
    with ThreadPoolExecutor(1) as pool:
        with acting(reader) as writer:
            writer.execute(WRITE, [reader.id, "emma"])
            body = {"password": reader.password}
            late = pool.submit(call, reader, "DELETE", "/v1/accounts/me", body)
            wait_for_lock()
        assert late.result().status_code in (200, 202)

    assert (shown(client, "emma"), summary(client, "emma")["count"]) == ([], 0)


@pytest.mark.parametrize("reviewed", [(), ("faust",)])
def test_a_review_beside_a_change_of_name_shows_the_new_name(
    reader: Account,
    client: FlaskClient,
    acting: Callable[[Account], Any],
    wait_for_lock: Callable[[], None],
    reviewed: tuple[str, ...],
) -> None:
    for book_id in reviewed:
        rate(reader, book_id)
    with ThreadPoolExecutor(1) as pool:
        with acting(reader) as writer:
            writer.execute(WRITE, [reader.id, "emma"])
            late = pool.submit(call, reader, "PATCH", "/v1/accounts/me", {"name": "Grace"})
            wait_for_lock()
        assert late.result().status_code == 200

    assert [item["author_name"] for item in shown(client, "emma")] == ["Grace"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE user_reviews SET deleted_at = now()",
        "UPDATE user_reviews SET published = false",
    ],
)
def test_a_review_that_is_taken_back_meanwhile_cannot_be_hidden(
    reader: Account,
    admin: Account,
    owner_connection: psycopg.Connection,
    acting: Callable[[Account], Any],
    wait_for_lock: Callable[[], None],
    change: LiteralString,
) -> None:
    author = rate(reader, "emma", 1)["author_id"]
    path = f"/v1/admin/reviews/emma/{author}/hidden"
    with ThreadPoolExecutor(1) as pool:
        with acting(reader) as writer:
            writer.execute(change)
            late = pool.submit(call, admin, "PUT", path, {"reason": "spam"})
            wait_for_lock()
        assert late.result().status_code == 404

    hidden = owner_connection.execute("SELECT hidden_at FROM user_reviews").fetchall()
    assert hidden == [(None,)]


def test_a_review_deleted_after_the_ranking_is_no_reason(
    app: APIFlask,
    reader: Account,
    owner_connection: psycopg.Connection,
) -> None:
    rate(reader, "emma", 5)
    owner_connection.execute(
        "INSERT INTO book_similarities (book_id, other_id, similarity, readers) "
        "VALUES ('faust', 'emma', 0.9, 9)"
    )

    def reasons() -> dict[str, Any]:
        items = call(reader, "GET", "/v1/recommendations").get_json()["items"]
        return {item["book_id"]: item["because"] for item in items}

    assert reasons()["faust"]["book_id"] == "emma"

    def delete(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("SELECT id, rating FROM user_reviews"):
            owner_connection.execute("UPDATE user_reviews SET deleted_at = now()")

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", delete)
        try:
            found = reasons()
        finally:
            event.remove(db.engine, "before_cursor_execute", delete)

    assert found["faust"] is None


def test_a_rating_that_waits_for_a_recount_is_counted(
    reader: Account,
    client: FlaskClient,
    acting: Callable[[Account], Any],
    register: Callable[..., Account],
    wait_for_lock: Callable[[], None],
) -> None:
    """The recount forgets the book, which had no ratings; the rating makes it known again."""
    rate(reader, "emma")
    call(reader, "DELETE", "/v1/reviews/emma")
    with ThreadPoolExecutor(1) as pool:
        with acting(register()) as counting:
            counting.execute("SELECT recount_rating('emma')")
            late = pool.submit(rate, reader, "emma", 4)
            wait_for_lock()
        late.result()

    assert (summary(client, "emma")["count"], summary(client, "emma")["sum"]) == (1, 4)
