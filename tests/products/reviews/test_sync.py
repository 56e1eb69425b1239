"""Reviews through the sync adapters: what the public sees of a push, what the server alone says."""

from typing import Any

from flask.testing import FlaskClient

from tests.conftest import Account
from tests.products.reviews.conftest import BOOKS, call, document, rate, shown, summary
from tests.sync.conftest import Rxdb, Watermelon
from tests.sync.test_rxdb import problem

SERVER_OWNED = ("author_id", "hidden_at", "hidden_reason")


def owned(row: dict[str, Any]) -> dict[str, Any]:
    """What the client owns of a document."""
    return {name: value for name, value in row.items() if name not in SERVER_OWNED}


def test_a_review_written_offline_is_read_and_counted(
    reader: Account, client: FlaskClient, books: object
) -> None:
    device = Rxdb(reader)
    device.store("reviews", (document(), None), (document("faust", published=False), None))

    (public,) = shown(client, "emma")
    assert (public["text"], public["author_name"]) == ("Fine.", "Ada")
    assert "notes" not in public
    assert summary(client, "emma")["sum"] == 4
    assert shown(client, "faust") == []
    found = device.documents("reviews")
    assert owned(found["emma"]) == document()
    assert found["emma"]["author_id"] == public["author_id"]
    assert (found["emma"]["hidden_at"], found["emma"]["hidden_reason"]) == (None, None)


def test_edits_and_deletions_by_sync_are_counted(
    reader: Account, client: FlaskClient, books: object
) -> None:
    device = Rxdb(reader)
    device.store("reviews", (document(), None))
    device.store("reviews", (document(rating=1), document()))
    assert summary(client, "emma")["sum"] == 1
    device.store("reviews", (document(rating=1, published=False), document(rating=1)))
    assert summary(client, "emma")["count"] == 0
    draft = document(rating=1, published=False)
    device.store("reviews", (document(), draft))
    device.store("reviews", (document(_deleted=True), document()))
    assert (summary(client, "emma")["count"], shown(client, "emma")) == (0, [])
    device.store("reviews", (document(rating=5), document(_deleted=True)))
    assert summary(client, "emma")["sum"] == 5


def test_a_device_hears_that_its_review_was_hidden_and_cannot_undo_it(
    reader: Account, admin: Account, client: FlaskClient, books: object
) -> None:
    author = rate(reader, "emma")["author_id"]
    path = f"/v1/admin/reviews/emma/{author}/hidden"
    assert call(admin, "PUT", path, {"reason": "spam"}).status_code == 200
    device = Rxdb(reader)

    hidden = device.documents("reviews")["emma"]
    assert hidden["hidden_reason"] == "spam"
    assert hidden["hidden_at"] is not None
    forged = {**hidden, "hidden_at": None, "hidden_reason": None, "rating": 5}
    device.store("reviews", (forged, hidden))

    assert shown(client, "emma") == []
    again = device.documents("reviews")["emma"]
    assert (again["rating"], again["hidden_reason"]) == (5, "spam")


def test_nobody_writes_in_the_name_of_another(
    reader: Account, register: Any, client: FlaskClient, books: object
) -> None:
    other = rate(register(), "emma")["author_id"]

    Rxdb(reader).store("reviews", (document(author_id=other), None))

    authors = [review["author_id"] for review in shown(client, "emma")]
    assert len(set(authors)) == 2


def test_a_review_of_no_book_is_kept_and_shown_nowhere(
    reader: Account, client: FlaskClient, books: object
) -> None:
    device = Rxdb(reader)
    device.store("reviews", (document("no-book"), None))

    assert client.get("/v1/books/no-book/reviews").status_code == 404
    assert client.get("/v1/books/no-book/summary").status_code == 404
    assert call(reader, "GET", "/v1/reviews/no-book").get_json()["text"] == "Fine."
    recommended = call(reader, "GET", "/v1/recommendations").get_json()["items"]
    assert {item["book_id"] for item in recommended} == set(BOOKS)


def test_the_rules_of_the_fields_hold(reader: Account) -> None:
    device = Rxdb(reader)
    for wrong in ({"rating": 6}, {"rating": "4"}, {"language": "!"}, {"text": "x" * 10_001}):
        answer = device.push("reviews", (document(**wrong), None))
        assert problem(answer) == (422, "invalid-input"), wrong


def test_watermelondb_has_moments_as_numbers(
    reader: Account, admin: Account, client: FlaskClient, books: object
) -> None:
    device = Watermelon(reader)
    device.pull()
    raw = {name: value for name, value in document().items() if name != "_deleted"}
    answer = device.push({"reviews": {"created": [raw], "updated": [], "deleted": []}})
    assert answer.status_code == 204, answer.text
    (found,) = device.changes()["reviews"]["updated"]
    assert (found["hidden_at"], summary(client, "emma")["sum"]) == (None, 4)

    path = f"/v1/admin/reviews/emma/{found['author_id']}/hidden"
    assert call(admin, "PUT", path, {"reason": "other"}).status_code == 200

    (hidden,) = device.changes()["reviews"]["updated"]
    assert isinstance(hidden["hidden_at"], int)
