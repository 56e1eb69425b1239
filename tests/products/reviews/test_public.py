"""What everybody sees of reviews, and what nobody else does."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.database.session import act_as
from app.extensions import db
from app.pages import encode_cursor
from tests.conftest import PASSWORD, Account
from tests.products.reviews.conftest import call, rate, shown, summary

pytestmark = pytest.mark.usefixtures("books")
PUBLIC_FIELDS = {
    "author_id",
    "author_name",
    "rating",
    "title",
    "text",
    "language",
    "spoiler",
    "created_at",
    "updated_at",
}


def test_a_stranger_reads_reviews_by_name(reader: Account, client: FlaskClient) -> None:
    rate(reader, "emma", 5, title="Good", text="So good.", language="de", spoiler=True)
    (found,) = shown(client, "emma")
    assert found.keys() == PUBLIC_FIELDS
    assert (found["author_name"], found["title"], found["rating"]) == ("Ada", "Good", 5)
    assert (found["text"], found["language"], found["spoiler"]) == ("So good.", "de", True)


def test_nothing_else_of_the_author_leaks(reader: Account, client: FlaskClient) -> None:
    own = rate(reader, "emma", 5, notes="secret note")
    answer = client.get("/v1/books/emma/reviews")
    for private in (reader.id, reader.email, "secret note", "rev", "user_id"):
        assert private not in answer.text
    assert answer.get_json()["items"][0]["author_id"] == own["author_id"]


def test_an_author_has_one_id_and_no_other_has_it(
    reader: Account, admin: Account, client: FlaskClient
) -> None:
    for book_id in ("emma", "faust"):
        rate(reader, book_id)
    rate(admin, "emma")
    authors = [item["author_id"] for item in [*shown(client, "emma"), *shown(client, "faust")]]
    assert len(set(authors)) == 2
    assert not set(authors) & {reader.id, admin.id}


def test_the_public_table_has_no_private_column(owner_connection: psycopg.Connection) -> None:
    rows = owner_connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'book_reviews'"
    ).fetchall()
    moderation = {"book_id", "hidden_at", "hidden_reason", "leaving", "visible"}
    assert {name for (name,) in rows} == PUBLIC_FIELDS | moderation


@pytest.mark.parametrize(
    ("before", "after"),
    [({"published": True}, {"published": False}), ({"published": False}, {"title": "Still"})],
)
def test_a_draft_is_not_shown_and_does_not_count(
    reader: Account, client: FlaskClient, before: dict[str, Any], after: dict[str, Any]
) -> None:
    rate(reader, "emma", 5, **before)
    call(reader, "PATCH", "/v1/reviews/emma", after)
    assert shown(client, "emma") == []
    assert summary(client, "emma")["count"] == 0
    call(reader, "PATCH", "/v1/reviews/emma", {"published": True})
    assert len(shown(client, "emma")) == summary(client, "emma")["count"] == 1


def test_a_deleted_review_is_gone_until_it_comes_back(reader: Account, client: FlaskClient) -> None:
    rate(reader, "emma", 5)
    call(reader, "DELETE", "/v1/reviews/emma")
    assert (shown(client, "emma"), summary(client, "emma")["sum"]) == ([], 0)
    rate(reader, "emma", 2)
    assert [item["rating"] for item in shown(client, "emma")] == [2]


def test_a_change_of_the_notes_shows_nowhere(reader: Account, client: FlaskClient) -> None:
    rate(reader, "emma", 5)
    before = client.get("/v1/books/emma/reviews").data
    call(reader, "PATCH", "/v1/reviews/emma", {"notes": "nobody knows"})
    assert client.get("/v1/books/emma/reviews").data == before
    call(reader, "PATCH", "/v1/reviews/emma", {"text": "known"})
    assert client.get("/v1/books/emma/reviews").data != before


def test_the_name_follows_the_profile(reader: Account, client: FlaskClient) -> None:
    rate(reader, "emma")
    answer = call(reader, "PATCH", "/v1/accounts/me", {"name": "Countess"})
    assert answer.status_code == 200, answer.text
    assert shown(client, "emma")[0]["author_name"] == "Countess"


def test_a_leaving_author_is_gone_at_once_and_back_when_restored(
    app: APIFlask, reader: Account, client: FlaskClient
) -> None:
    rate(reader, "emma", 5)
    gone = call(reader, "DELETE", "/v1/accounts/me", {"password": PASSWORD})
    assert gone.status_code < 300, gone.text
    assert (shown(client, "emma"), summary(client, "emma")["count"]) == ([], 0)
    result = app.test_cli_runner().invoke(args=["accounts", "restore", reader.email])
    assert result.exit_code == 0, result.output
    assert len(shown(client, "emma")) == summary(client, "emma")["count"] == 1


def test_a_purged_account_leaves_nothing(
    app: APIFlask, reader: Account, client: FlaskClient, owner_connection: psycopg.Connection
) -> None:
    rate(reader, "emma", 5)
    owner_connection.execute(
        "UPDATE users SET deletion_requested_at = now() - interval '1 year' WHERE id = %s",
        [reader.id],
    )
    result = app.test_cli_runner().invoke(args=["accounts", "purge"])
    assert result.exit_code == 0, result.output
    left = owner_connection.execute(
        "SELECT (SELECT count(*) FROM book_reviews), (SELECT count(*) FROM review_authors)"
    ).fetchone()
    assert (left, summary(client, "emma")["count"]) == ((0, 0), 0)


def test_both_orders_have_pages(register: Callable[..., Account], client: FlaskClient) -> None:
    ratings = [3, 5, 3, 1, 5]
    for rating in ratings:
        rate(register(), "emma", rating)

    def walk(sort: str) -> list[int]:
        found, after = [], None
        while True:
            query = {"sort": sort, "limit": 2} | ({"after": after} if after else {})
            page = client.get("/v1/books/emma/reviews", query_string=query).get_json()
            found += [item["rating"] for item in page["items"]]
            after = page["next"]
            if after is None:
                return found

    assert walk("newest") == ratings[::-1]
    assert walk("highest") == [5, 5, 3, 3, 1]


def test_equal_moments_are_no_trouble(
    register: Callable[..., Account], client: FlaskClient, owner_connection: psycopg.Connection
) -> None:
    for _ in range(3):
        rate(register(), "emma", 4)
    owner_connection.execute("UPDATE book_reviews SET created_at = '2026-01-01'")
    for sort in ("newest", "highest"):
        seen: list[str] = []
        after = None
        for _ in range(3):
            query = {"sort": sort, "limit": 1} | ({"after": after} if after else {})
            page = client.get("/v1/books/emma/reviews", query_string=query).get_json()
            seen += [item["author_id"] for item in page["items"]]
            after = page["next"]
        assert (len(set(seen)), after) == (3, None)


@pytest.mark.parametrize("sort", ["newest", "highest"])
@pytest.mark.parametrize(
    "key",
    [
        ["x"],
        ["x", "y"],
        ["2026-01-01T00:00:00+00:00", "y"],
        ["6", "2026-01-01T00:00:00+00:00", "00000000-0000-0000-0000-000000000000"],
        ["5", "x", "00000000-0000-0000-0000-000000000000"],
    ],
)
def test_a_cursor_of_another_list_is_refused(
    client: FlaskClient, sort: str, key: list[str]
) -> None:
    query = {"sort": sort, "after": encode_cursor(*key)}
    answer = client.get("/v1/books/emma/reviews", query_string=query)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "after"


def test_the_summary_counts_by_value(register: Callable[..., Account], client: FlaskClient) -> None:
    for rating in (1, 4, 4):
        rate(register(), "emma", rating)
    assert summary(client, "emma") == {
        "book_id": "emma",
        "count": 3,
        "sum": 9,
        "average": 3.0,
        "histogram": {"one": 1, "two": 0, "three": 0, "four": 2, "five": 0},
    }
    assert summary(client, "faust")["average"] is None


@pytest.mark.parametrize("what", ["reviews", "summary"])
def test_answers_may_be_kept_and_are_validated(
    reader: Account, client: FlaskClient, what: str
) -> None:
    path = f"/v1/books/emma/{what}"
    first = client.get(path)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    same = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    rate(reader, "emma")
    other = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200


@pytest.mark.parametrize("what", ["reviews", "summary"])
def test_a_book_that_is_not_there_has_none(client: FlaskClient, admin: Account, what: str) -> None:
    assert client.get(f"/v1/books/no-such-book/{what}").status_code == 404
    call(admin, "DELETE", "/v1/admin/content/books/emma")
    assert client.get(f"/v1/books/emma/{what}").status_code == 404


@pytest.mark.parametrize("table", ["user_reviews", "user_review_reports", "review_authors"])
def test_row_security_shows_nobody_elses_rows(
    app: APIFlask, reader: Account, admin: Account, table: str
) -> None:
    for user, other in ((reader, admin), (admin, reader)):
        rate(user, "emma")
        author = rate(other, "faust")["author_id"]
        call(user, "POST", f"/v1/books/faust/reviews/{author}/report", {"reason": "spam"})
    query = text(f"SELECT user_id FROM {table}")  # noqa: S608 - our names
    with app.app_context():
        act_as(None)
        assert db.session.execute(query).all() == []
        act_as(reader.id)  # type: ignore[arg-type]
        assert {str(owner) for (owner,) in db.session.execute(query)} == {reader.id}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE book_reviews SET rating = 5",
        "DELETE FROM book_reviews",
        "UPDATE book_ratings SET count = 100",
        "INSERT INTO book_ratings (book_id) VALUES ('x')",
        "SELECT lock_ratings('{emma}')",
    ],
)
def test_only_the_triggers_write_what_the_public_sees(
    app: APIFlask, reader: Account, statement: str
) -> None:
    rate(reader, "emma", 1)
    with app.app_context():
        act_as(reader.id)  # type: ignore[arg-type]
        with pytest.raises(ProgrammingError, match="permission denied"):
            db.session.execute(text(statement))


def test_a_review_for_another_user_is_refused(
    app: APIFlask, reader: Account, admin: Account, client: FlaskClient
) -> None:
    statement = text(
        "INSERT INTO user_reviews (user_id, id, author_id, rating, title, text, language, spoiler, "
        "published, notes) VALUES (:user, 'emma', gen_random_uuid(), 5, '', '', 'en', false, "
        "true, '')"
    )
    with app.app_context():
        act_as(reader.id)  # type: ignore[arg-type]
        with pytest.raises(ProgrammingError, match="row-level security"):
            db.session.execute(statement, {"user": admin.id})
    assert shown(client, "emma") == []


def test_an_author_id_cannot_be_taken(
    app: APIFlask, reader: Account, admin: Account, client: FlaskClient
) -> None:
    theirs = rate(admin, "emma")["author_id"]
    mine = rate(reader, "emma")["author_id"]
    with app.app_context():
        act_as(reader.id)  # type: ignore[arg-type]
        statement = text("UPDATE user_reviews SET author_id = :theirs, rating = 1")
        db.session.execute(statement, {"theirs": theirs})
        db.session.commit()
    assert {item["author_id"]: item["rating"] for item in shown(client, "emma")} == {
        theirs: 4,
        mine: 1,
    }


def test_hot_queries_use_their_indexes(plan_of: Callable[..., str]) -> None:
    plans = {
        "book_reviews_newest": "SELECT * FROM book_reviews WHERE book_id = 'emma' AND visible "
        "AND (created_at, author_id) < (now(), gen_random_uuid()) "
        "ORDER BY created_at DESC, author_id DESC LIMIT 20",
        "book_reviews_highest": "SELECT * FROM book_reviews WHERE book_id = 'emma' AND visible "
        "ORDER BY rating DESC, created_at DESC, author_id DESC LIMIT 20",
        "user_reviews_feed": "SELECT * FROM user_reviews WHERE user_id = gen_random_uuid() "
        "AND rev > 5 ORDER BY rev, id LIMIT 100",
    }
    for index, query in plans.items():
        assert index in plan_of(query)
