"""One's own reviews through the API."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask

from tests.conftest import Account
from tests.products.reviews.conftest import call, rate

pytestmark = pytest.mark.usefixtures("books")


def test_a_review_is_created_shown_changed_and_deleted(reader: Account) -> None:
    created = rate(reader, "emma", 4, title="Good", notes="lent by Eve")
    assert (created["rev"], created["published"], created["notes"]) == (1, True, "lent by Eve")
    path = "/v1/reviews/emma"
    found = call(reader, "GET", path)
    assert (found.status_code, found.headers["ETag"]) == (200, '"1"')
    changed = call(reader, "PATCH", path, {"rating": 5, "title": "Better"})
    assert (changed.get_json()["rating"], changed.headers["ETag"]) == (5, '"2"')
    assert changed.get_json()["notes"] == "lent by Eve"
    assert call(reader, "DELETE", path).status_code == 204
    for method, body in (("GET", None), ("PATCH", {"rating": 1}), ("DELETE", None)):
        assert call(reader, method, path, body).status_code == 404


def test_a_repeat_after_a_lost_reply_does_no_harm(reader: Account) -> None:
    rate(reader, "emma", 4)
    again = call(reader, "POST", "/v1/reviews", {"id": "emma", "rating": 4})
    assert (again.status_code, again.get_json()["rev"]) == (200, 1)
    other = call(reader, "POST", "/v1/reviews", {"id": "emma", "rating": 5})
    assert other.status_code == 409


def test_a_deleted_review_comes_back_with_new_content(reader: Account) -> None:
    rate(reader, "emma", 4, title="Once")
    call(reader, "DELETE", "/v1/reviews/emma")
    assert rate(reader, "emma", 2)["title"] == ""


def test_a_book_that_is_not_there_cannot_be_reviewed(reader: Account, admin: Account) -> None:
    for book_id in ("no-such-book", "No_Slug"):
        answer = call(reader, "POST", "/v1/reviews", {"id": book_id, "rating": 4})
        assert answer.status_code == 404
    call(admin, "DELETE", "/v1/admin/content/books/emma")
    assert call(reader, "POST", "/v1/reviews", {"id": "emma", "rating": 4}).status_code == 404


def test_a_stale_if_match_gets_the_current_row(reader: Account) -> None:
    rate(reader, "emma", 4)
    call(reader, "PATCH", "/v1/reviews/emma", {"rating": 3})
    for method, body in (("PATCH", {"rating": 1}), ("DELETE", None)):
        refused = call(reader, method, "/v1/reviews/emma", body, If_Match='"1"')
        assert refused.status_code == 412
        assert refused.get_json()["current"]["rating"] == 3


def test_an_unchanged_row_is_not_sent_again(reader: Account) -> None:
    rate(reader, "emma")
    assert call(reader, "GET", "/v1/reviews/emma", If_None_Match='"1"').status_code == 304


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": 4.5}, "rating"),
        ({"title": "x" * 201}, "title"),
        ({"text": "x" * 10_001}, "text"),
        ({"notes": "x" * 2001}, "notes"),
        ({"language": "not a language"}, "language"),
        ({"hidden_at": None}, "hidden_at"),
        ({"id": "a/b"}, "id"),
        ({"id": None}, "id"),
    ],
)
def test_faults_are_named(reader: Account, changes: dict[str, Any], field: str) -> None:
    answer = call(reader, "POST", "/v1/reviews", {"id": "emma", "rating": 4, **changes})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_the_list_has_pages_drafts_and_nobody_elses(reader: Account, admin: Account) -> None:
    for book_id in ("faust", "emma", "dracula"):
        rate(reader, book_id, published=False)
    rate(admin, "moby-dick")
    first = call(reader, "GET", "/v1/reviews?limit=2").get_json()
    assert [item["id"] for item in first["items"]] == ["dracula", "emma"]
    second = call(reader, "GET", f"/v1/reviews?limit=2&after={first['next']}").get_json()
    assert ([item["id"] for item in second["items"]], second["next"]) == (["faust"], None)


def test_another_user_reaches_none_of_it(reader: Account, admin: Account) -> None:
    rate(reader, "emma")
    for method, body in (("GET", None), ("PATCH", {"rating": 1}), ("DELETE", None)):
        assert call(admin, method, "/v1/reviews/emma", body).status_code == 404


def test_two_devices_make_one_review(app: APIFlask, reader: Account) -> None:
    def send(rating: int) -> int:
        answer = app.test_client().post(
            "/v1/reviews", json={"id": "emma", "rating": rating}, headers=reader.headers
        )
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(send, [1, 2, 3, 4]))
    assert statuses == [201, 409, 409, 409]
