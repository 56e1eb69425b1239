"""A reader's story from the first look at a book to the next one, in plain HTTP calls.

It needs the content that `flask content seed` writes.
"""

from tests.products.conftest import Ask

REVIEW = {
    "id": "wuthering-heights",
    "rating": 4,
    "title": "No one to like, all to remember",
    "text": "The moor is the main character.",
    "notes": "Give the copy back to Eve.",
}


def tell_the_story(ask: Ask) -> None:
    """The calls of a client; `ask` sends method, path and body, and gives status and JSON."""
    status, found = ask("GET", "/v1/content/books?q=sturmh&locale=de")
    assert (status, found["items"][0]["data"]["title"]) == (200, "Sturmhöhe")
    status, before = ask("GET", "/v1/books/wuthering-heights/summary")
    assert status == 200

    # The reply is lost, and the client sends it again.
    assert ask("POST", "/v1/reviews", REVIEW)[0] == 201
    status, own = ask("POST", "/v1/reviews", REVIEW)
    assert (status, own["notes"]) == (200, "Give the copy back to Eve.")
    status, own = ask("PATCH", "/v1/reviews/wuthering-heights", {"rating": 5})
    assert (status, own["rating"]) == (200, 5)

    status, page = ask("GET", "/v1/books/wuthering-heights/reviews?sort=newest")
    newest = page["items"][0]
    assert (newest["author_id"], newest["rating"]) == (own["author_id"], 5)
    assert "notes" not in newest
    status, after = ask("GET", "/v1/books/wuthering-heights/summary")
    assert after["count"] == before["count"] + 1
    assert after["sum"] == before["sum"] + 5
    assert after["histogram"]["five"] == before["histogram"]["five"] + 1

    path = f"/v1/books/wuthering-heights/reviews/{own['author_id']}/report"
    assert ask("POST", path, {"reason": "spam"})[0] == 409

    status, answer = ask("GET", "/v1/recommendations?limit=5")
    assert (status, len(answer["items"])) == (200, 5)
    assert "wuthering-heights" not in {item["book_id"] for item in answer["items"]}
    assert all(1 <= item["score"] <= 5 and item["explanation"] for item in answer["items"])

    assert ask("DELETE", "/v1/reviews/wuthering-heights")[0] == 204
    assert ask("GET", "/v1/reviews/wuthering-heights")[0] == 404
    assert ask("GET", "/v1/books/wuthering-heights/summary")[1]["count"] == before["count"]


def test_the_story(ask: Ask) -> None:
    tell_the_story(ask)
