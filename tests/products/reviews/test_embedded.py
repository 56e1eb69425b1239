"""The embedded engine, through the API and the command that prepares it."""

from collections.abc import Callable
from math import sqrt
from typing import Any

import psycopg
import pytest

from app.products.reviews.embedded import AUTHOR_RATINGS
from tests.conftest import Account
from tests.products.reviews.conftest import BOOKS, book, call, document, rate, rate_all
from tests.sync.conftest import Rxdb

# Who rates so finds the first two alike.
ALIKE = {"emma": 5, "faust": 5, "dracula": 1}


def recommended(user: Account, **query: Any) -> dict[str, Any]:
    answer = user.client.get("/v1/recommendations", query_string=query, headers=user.headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def similarities(connection: psycopg.Connection) -> dict[tuple[str, str], float]:
    rows = connection.execute("SELECT book_id, other_id, similarity FROM book_similarities")
    return {(row[0], row[1]): row[2] for row in rows}


@pytest.mark.usefixtures("books")
def test_similarity_is_the_shrunk_adjusted_cosine(
    register: Callable[..., Account],
    run: Callable[..., Any],
    owner_connection: psycopg.Connection,
) -> None:
    ratings = [{"emma": 5, "faust": 4, "dracula": 1}, {"emma": 4, "faust": 5, "dracula": 3}]
    for mine in ratings:
        rate_all(register(), mine)
    assert run("similarities").output == "Stored 2 similarities.\n"
    means = [sum(mine.values()) / 3 for mine in ratings]
    emma = [mine["emma"] - mean for mine, mean in zip(ratings, means, strict=True)]
    faust = [mine["faust"] - mean for mine, mean in zip(ratings, means, strict=True)]
    products = sum(a * b for a, b in zip(emma, faust, strict=True))
    norms = sqrt(sum(a * a for a in emma) * sum(b * b for b in faust))
    expected = pytest.approx(products / norms * 2 / (2 + 5))
    # Dracula, whom both like less than the others, is like neither.
    assert similarities(owner_connection) == {
        ("emma", "faust"): expected,
        ("faust", "emma"): expected,
    }


@pytest.mark.usefixtures("books")
def test_a_second_run_forgets_the_first(
    register: Callable[..., Account],
    run: Callable[..., Any],
    owner_connection: psycopg.Connection,
) -> None:
    user = register()
    rate_all(user, ALIKE)
    run("similarities")
    assert similarities(owner_connection)[("emma", "faust")] == pytest.approx(1 / 6)
    call(user, "PATCH", "/v1/reviews/faust", {"published": False})
    assert run("similarities").output == "Stored 0 similarities.\n"


@pytest.mark.usefixtures("books")
def test_a_recommendation_tells_which_rating_led_to_it(
    register: Callable[..., Account], run: Callable[..., Any]
) -> None:
    for _ in range(5):
        rate_all(register(), {**ALIKE, "moby-dick": 1})
    run("similarities")
    reader = register()
    rate(reader, "emma", 5)
    answer = recommended(reader)
    assert answer["engine"] == "embedded"
    first = answer["items"][0]
    assert (first["book_id"], first["title"]) == ("faust", "Faust")
    assert first["because"] == {"book_id": "emma", "title": "Emma", "rating": 5}
    assert first["explanation"] == "Because you rated Emma with 5 of 5."
    # The mean of all is 65 / 21; Faust has five times 5. Emma is like it by 5 / (5 + 5).
    average = (5 * 65 / 21 + 25) / 10
    assert first["score"] == pytest.approx((0.5 * average + 0.5 * 5) / (0.5 + 0.5), abs=0.001)
    rest = answer["items"][1:]
    assert [(item["book_id"], item["because"]) for item in rest] == [
        ("dracula", None),
        ("moby-dick", None),
    ]
    assert rest[0]["explanation"] == "Readers rate it well."


@pytest.mark.usefixtures("books")
def test_a_book_like_one_that_was_disliked_comes_late(
    register: Callable[..., Account], run: Callable[..., Any]
) -> None:
    for _ in range(5):
        rate_all(register(), {**ALIKE, "moby-dick": 1})
    run("similarities")
    reader = register()
    rate(reader, "dracula", 1)
    items = recommended(reader)["items"]
    assert [item["book_id"] for item in items] == ["emma", "faust", "moby-dick"]
    # A dislike is no reason to read anything.
    assert items[-1]["because"] is None


@pytest.mark.usefixtures("books")
def test_a_new_user_gets_what_many_rate_well_not_one(register: Callable[..., Account]) -> None:
    for _ in range(6):
        user = register()
        rate(user, "emma", 5)
        rate(user, "dracula", 2)
    rate(register(), "faust", 5)
    items = recommended(register())["items"]
    assert [item["book_id"] for item in items] == ["emma", "faust", "moby-dick", "dracula"]
    mean = (6 * 7 + 5) / 13
    scores = {item["book_id"]: item["score"] for item in items}
    assert scores == {
        "emma": pytest.approx((5 * mean + 30) / 11, abs=0.001),
        "faust": pytest.approx((5 * mean + 5) / 6, abs=0.001),
        "moby-dick": pytest.approx(mean, abs=0.001),
        "dracula": pytest.approx((5 * mean + 12) / 11, abs=0.001),
    }


@pytest.mark.usefixtures("books")
def test_ratings_of_no_book_move_nothing(
    register: Callable[..., Account],
    run: Callable[..., Any],
    owner_connection: psycopg.Connection,
) -> None:
    user = register()
    rate_all(user, ALIKE)
    run("similarities")
    before, alike = recommended(register()), similarities(owner_connection)
    bad = [(document(f"no-book-{number}", rating=1), None) for number in range(50)]
    good = [(document(f"none-{number}", rating=5), None) for number in range(50)]

    Rxdb(register()).store("reviews", *bad)
    assert recommended(register()) == before
    Rxdb(user).store("reviews", *bad, *good)

    run("similarities")
    assert similarities(owner_connection) == alike
    assert recommended(register()) == before


@pytest.mark.usefixtures("books")
def test_ratings_of_a_book_that_is_hidden_move_nothing(
    register: Callable[..., Account],
    admin: Account,
    run: Callable[..., Any],
    owner_connection: psycopg.Connection,
) -> None:
    user = register()
    rate_all(user, ALIKE)
    hidden = {**book("faust"), "published": False}
    call(admin, "PUT", "/v1/admin/content/books/faust", hidden)

    assert run("similarities").output == "Stored 0 similarities.\n"
    assert similarities(owner_connection) == {}
    scores = {item["book_id"]: item["score"] for item in recommended(register())["items"]}
    assert scores["moby-dick"] == 3.0


def test_of_an_author_the_newest_ratings_count(
    admin: Account,
    reader: Account,
    run: Callable[..., Any],
    owner_connection: psycopg.Connection,
) -> None:
    ids = [f"book-{number:04}" for number in range(AUTHOR_RATINGS + 20)]
    documents = [{"id": book_id, **book(book_id)} for book_id in ids]
    answer = call(admin, "POST", "/v1/admin/content/books", {"documents": documents})
    assert answer.status_code == 200, answer.text
    rows = [
        (document(book_id, rating=5 if number % 2 else 1), None)
        for number, book_id in enumerate(ids)
    ]
    device = Rxdb(reader)
    device.store("reviews", *rows[-20:])
    device.store("reviews", *rows[:-20])

    run("similarities")

    alike = {book_id for pair in similarities(owner_connection) for book_id in pair}
    assert alike == set(ids[:-20])


@pytest.mark.usefixtures("books")
def test_without_any_rating_there_is_an_order_still(reader: Account) -> None:
    items = recommended(reader, limit=3)["items"]
    assert [item["book_id"] for item in items] == sorted(BOOKS)[:3]
    assert {item["score"] for item in items} == {3.0}


@pytest.mark.usefixtures("books")
def test_what_was_reviewed_or_taken_away_is_not_recommended(
    reader: Account, admin: Account
) -> None:
    rate(reader, "emma", published=False)
    rate(reader, "dracula")
    call(reader, "DELETE", "/v1/reviews/dracula")
    call(admin, "DELETE", "/v1/admin/content/books/faust")
    found = [item["book_id"] for item in recommended(reader)["items"]]
    assert sorted(found) == ["dracula", "moby-dick"]


@pytest.mark.usefixtures("books")
def test_titles_are_in_the_language_of_the_profile(reader: Account) -> None:
    call(reader, "PATCH", "/v1/accounts/me", {"locale": "de-AT"})
    assert recommended(reader, limit=1)["items"][0]["title"] == "Dracula (de)"


def test_without_books_there_is_nothing(reader: Account) -> None:
    assert recommended(reader) == {"engine": "embedded", "items": []}


@pytest.mark.parametrize("limit", ["0", "51", "x"])
def test_the_limit_is_limited(reader: Account, limit: str) -> None:
    answer = call(reader, "GET", f"/v1/recommendations?limit={limit}")
    assert answer.status_code == 422
