"""Reports by users, and what administrators do about them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.pages import encode_cursor
from tests.conftest import Account
from tests.products.reviews.conftest import call, rate, shown, summary

pytestmark = pytest.mark.usefixtures("books")
NOBODY = "00000000-0000-0000-0000-000000000000"


def report(user: Account, author: str, book_id: str = "emma", reason: str = "spam") -> Any:
    path = f"/v1/books/{book_id}/reviews/{author}/report"
    return call(user, "POST", path, {"reason": reason})


def listed(admin: Account, **query: Any) -> list[dict[str, Any]]:
    answer = admin.client.get("/v1/admin/reviews", query_string=query, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.get_json()["items"]
    return items


def hidden_path(author: str, book_id: str = "emma") -> str:
    return f"/v1/admin/reviews/{book_id}/{author}/hidden"


def test_reports_are_counted_once_per_user(
    register: Callable[..., Account], reader: Account, admin: Account
) -> None:
    author = rate(reader, "emma", 1, text="Buy pills")["author_id"]
    other = rate(reader, "faust")["author_id"]
    for user in (register(), register()):
        assert report(user, author).status_code == 201
        again = report(user, author, reason="offensive")
        assert (again.status_code, again.get_json()["reason"]) == (200, "spam")
    report(admin, other, "faust")
    found = [(item["book_id"], item["author_id"], item["reports"]) for item in listed(admin)]
    assert found == [("emma", author, 2), ("faust", author, 1)]
    assert listed(admin)[0]["text"] == "Buy pills"
    first = admin.client.get("/v1/admin/reviews?limit=1", headers=admin.headers).get_json()
    assert [item["book_id"] for item in listed(admin, after=first["next"])] == ["faust"]


def test_what_is_not_shown_cannot_be_reported(reader: Account, admin: Account) -> None:
    author = rate(reader, "emma")["author_id"]
    assert report(admin, NOBODY).status_code == 404
    assert report(admin, author, "faust").status_code == 404
    assert report(reader, author).status_code == 409
    assert report(admin, author, reason="boring").status_code == 422
    call(reader, "PATCH", "/v1/reviews/emma", {"published": False})
    assert report(admin, author).status_code == 404


def test_a_hidden_review_is_gone_and_its_author_sees_why(
    reader: Account, admin: Account, client: FlaskClient
) -> None:
    own = rate(reader, "emma", 1)
    path = hidden_path(own["author_id"])
    answer = call(admin, "PUT", path, {"reason": "spam"})
    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["hidden_reason"], answer.get_json()["reports"]) == ("spam", 0)
    assert (shown(client, "emma"), summary(client, "emma")["count"]) == ([], 0)
    mine = call(reader, "GET", "/v1/reviews/emma").get_json()
    # A new revision, so that the author's devices hear of it.
    assert (mine["hidden_reason"], mine["rev"]) == ("spam", own["rev"] + 1)
    assert listed(admin, hidden=True)[0]["author_id"] == own["author_id"]
    assert listed(admin) == []
    back = call(admin, "DELETE", path)
    assert (back.status_code, back.get_json()["hidden_at"]) == (200, None)
    assert len(shown(client, "emma")) == summary(client, "emma")["count"] == 1
    assert listed(admin, hidden=True) == []


def test_a_repeat_changes_nothing(reader: Account, admin: Account) -> None:
    path = hidden_path(rate(reader, "emma")["author_id"])
    for _ in range(2):
        call(admin, "PUT", path, {"reason": "spam"})
    assert call(reader, "GET", "/v1/reviews/emma").get_json()["rev"] == 2


def test_its_author_cannot_bring_a_hidden_review_back(
    reader: Account, admin: Account, client: FlaskClient
) -> None:
    author = rate(reader, "emma")["author_id"]
    call(admin, "PUT", hidden_path(author), {"reason": "offensive"})
    call(reader, "PATCH", "/v1/reviews/emma", {"text": "Nicer", "published": False})
    call(reader, "PATCH", "/v1/reviews/emma", {"published": True})
    call(reader, "DELETE", "/v1/reviews/emma")
    rate(reader, "emma", 5)
    assert (shown(client, "emma"), summary(client, "emma")["count"]) == ([], 0)
    assert report(admin, author).status_code == 404


def test_only_published_reviews_are_moderated(reader: Account, admin: Account) -> None:
    author = rate(reader, "emma", published=False)["author_id"]
    for method, body in (("PUT", {"reason": "spam"}), ("DELETE", None)):
        for path in (hidden_path(author), hidden_path(NOBODY)):
            assert call(admin, method, path, body).status_code == 404


def test_hiding_and_reporting_are_in_the_audit_log(reader: Account, admin: Account) -> None:
    author = rate(reader, "emma")["author_id"]
    report(admin, author, reason="off-topic")
    call(admin, "PUT", hidden_path(author), {"reason": "off-topic"})
    call(admin, "DELETE", hidden_path(author))
    events = call(admin, "GET", "/v1/admin/audit?limit=100").get_json()["items"]
    kinds = {event["kind"]: event for event in events}
    assert kinds["review.reported"]["details"] == {"reason": "off-topic"}
    hidden = kinds["review.hidden"]
    assert (hidden["user_id"], hidden["actor"], hidden["subject_id"]) == (admin.id, "admin", "emma")
    assert hidden["details"] == {"author": author, "reason": "off-topic"}
    assert kinds["review.shown"]["details"]["author"] == author
    # The author's own log does not tell from where the administrator came.
    own = call(reader, "GET", "/v1/audit?limit=100").get_json()["items"]
    assert not {event["kind"] for event in own} & {"review.hidden", "review.reported"}


@pytest.mark.parametrize(
    "key", [["x", "emma", NOBODY], ["1", "emma", "x"], ["9" * 5000, "emma", NOBODY], ["1"]]
)
def test_a_cursor_of_another_list_is_refused(admin: Account, key: list[str]) -> None:
    query = {"after": encode_cursor(*key)[:300]}
    answer = admin.client.get("/v1/admin/reviews", query_string=query, headers=admin.headers)
    assert answer.status_code == 422


def test_a_huge_number_in_a_cursor_is_the_begin(reader: Account, admin: Account) -> None:
    report(admin, rate(reader, "emma")["author_id"])
    assert len(listed(admin, after=encode_cursor("9" * 30, "emma", NOBODY))) == 1
