"""The counts of ratings under concurrency, and the command that checks them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.database.session import act_as
from app.extensions import db
from tests.conftest import Account
from tests.products.reviews.conftest import BOOKS, call, rate, shown, summary

pytestmark = pytest.mark.usefixtures("books")
ROUNDS = 15


def test_no_writer_is_lost_among_many(
    app: APIFlask,
    register: Callable[..., Account],
    client: FlaskClient,
    run: Callable[..., Any],
) -> None:
    readers = [register() for _ in range(4)]
    failures = []

    def act(number: int) -> None:
        random, own = Random(number), app.test_client()  # noqa: S311 - to repeat it
        headers = readers[number].headers
        for _ in range(ROUNDS):
            book_id, rating = random.choice(BOOKS), random.randint(1, 5)
            path = f"/v1/reviews/{book_id}"
            kind = random.choice(("create", "change", "draft", "delete"))
            if kind == "create":
                body = {"id": book_id, "rating": rating}
                answer = own.post("/v1/reviews", json=body, headers=headers)
            elif kind == "change":
                answer = own.patch(path, json={"rating": rating}, headers=headers)
            elif kind == "draft":
                answer = own.patch(path, json={"published": rating > 2}, headers=headers)
            else:
                answer = own.delete(path, headers=headers)
            if answer.status_code >= 500:
                failures.append(answer.text)

    with ThreadPoolExecutor(len(readers) + 1) as pool:
        acts = [pool.submit(act, number) for number in range(len(readers))]
        # A recount in between must find nothing to mend, and mend nothing that is right.
        counted = run("recount")
        for done in acts:
            done.result()
    assert (counted.exit_code, failures) == (0, [])
    for book_id in BOOKS:
        ratings = [item["rating"] for item in shown(client, book_id)]
        found = summary(client, book_id)
        assert (found["count"], found["sum"]) == (len(ratings), sum(ratings))
        assert list(found["histogram"].values()) == [ratings.count(n) for n in range(1, 6)]
    known = _known(app)
    assert run("recount").output == f"Counted the ratings of {known} books; 0 were wrong.\n"


def _known(app: APIFlask) -> int:
    with app.app_context():
        return int(db.session.scalar(text("SELECT count(*) FROM book_ratings")) or 0)


def test_writers_of_many_books_do_not_deadlock(
    app: APIFlask, register: Callable[..., Account], client: FlaskClient
) -> None:
    readers = [register() for _ in range(2)]

    def write(number: int) -> None:
        # One statement with many rows, as a sync push has, in opposite orders.
        statement = text(
            "INSERT INTO user_reviews (user_id, id, author_id, rating, title, text, language, "
            "spoiler, published, notes) SELECT :user, book, gen_random_uuid(), :rating, '', '', "
            "'en', false, true, '' FROM unnest(CAST(:books AS text[])) AS book "
            "ON CONFLICT (user_id, id) DO UPDATE SET rating = excluded.rating"
        )
        order = list(BOOKS) if number else list(reversed(BOOKS))
        for turn in range(ROUNDS):
            with app.app_context():
                act_as(readers[number].id)  # type: ignore[arg-type]
                values = {"user": readers[number].id, "books": order, "rating": turn % 5 + 1}
                db.session.execute(statement, values)
                db.session.commit()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write, number) for number in range(2)]:
            done.result()
    for book_id in BOOKS:
        assert (summary(client, book_id)["count"], summary(client, book_id)["sum"]) == (2, 10)


def test_a_write_that_is_rolled_back_does_not_count(
    app: APIFlask, reader: Account, client: FlaskClient
) -> None:
    rate(reader, "emma", 4)
    with app.app_context():
        act_as(reader.id)  # type: ignore[arg-type]
        db.session.execute(text("UPDATE user_reviews SET rating = 1"))
        inside = db.session.scalar(text("SELECT sum FROM book_ratings WHERE book_id = 'emma'"))
        db.session.rollback()
    assert (inside, summary(client, "emma")["sum"]) == (1, 4)


def test_recount_mends_and_tells_a_drift(
    reader: Account,
    client: FlaskClient,
    run: Callable[..., Any],
    owner_connection: psycopg.Connection,
) -> None:
    for book_id in ("emma", "faust"):
        rate(reader, book_id, 4)
    owner_connection.execute("UPDATE book_ratings SET sum = 9 WHERE book_id = 'emma'")
    owner_connection.execute("DELETE FROM book_ratings WHERE book_id = 'faust'")
    first, second = run("recount"), run("recount")
    assert (first.exit_code, first.output) == (1, "Counted the ratings of 2 books; 2 were wrong.\n")
    assert (second.exit_code, second.output) == (
        0,
        "Counted the ratings of 2 books; 0 were wrong.\n",
    )
    assert summary(client, "emma")["sum"] == summary(client, "faust")["sum"] == 4


def test_recount_forgets_what_nobody_rates(
    app: APIFlask, reader: Account, client: FlaskClient, run: Callable[..., Any]
) -> None:
    rate(reader, "emma", 4)
    call(reader, "DELETE", "/v1/reviews/emma")
    assert run("recount").output == "Counted the ratings of 1 books; 0 were wrong.\n"
    assert _known(app) == 0
    assert summary(client, "emma")["count"] == 0
    rate(reader, "emma", 4)
    assert summary(client, "emma")["count"] == 1


def test_a_replay_emits_nothing(reader: Account, client: FlaskClient) -> None:
    rate(reader, "emma", 4)
    same = call(reader, "PATCH", "/v1/reviews/emma", {"rating": 4})
    assert same.headers["ETag"] == '"1"'
    assert summary(client, "emma")["count"] == 1
