"""Figures of reviews, for administrators and analysts."""

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest

from local.servers import EmbeddedServers
from tests.conftest import Account
from tests.products.reviews.conftest import call, rate

pytestmark = pytest.mark.usefixtures("books")


def test_the_figures_count_what_the_public_sees(
    register: Callable[..., Account], admin: Account
) -> None:
    first, second = register(), register()
    rate(first, "emma", 5)
    rate(first, "faust", 2)
    rate(first, "dracula", published=False)
    author = rate(second, "emma", 1)["author_id"]
    rate(second, "moby-dick", 1)
    call(second, "DELETE", "/v1/reviews/moby-dick")
    call(admin, "PUT", f"/v1/admin/reviews/emma/{author}/hidden", {"reason": "spam"})
    today = datetime.now(UTC).date().isoformat()
    answer = call(admin, "GET", f"/v1/admin/analytics/behaviour?start={today}&end={today}")
    found = {item["name"]: item["value"] for item in answer.get_json()["products"]["reviews"]}
    assert found == {
        "created": 5,
        "published": 2,
        "hidden": 1,
        "books": 2,
        "reviewing": 2,
        "rating": 3.5,
    }


def test_the_analyst_sees_ratings_and_no_texts(reader: Account, servers: EmbeddedServers) -> None:
    rate(reader, "emma", 5, text="Secret", notes="Secret")
    url = servers.superuser_url.replace("postgres@", "fivebox_analyst@")
    with psycopg.connect(url, autocommit=True) as analyst:
        rows = analyst.execute("SELECT book, rating FROM analytics.reviews").fetchall()
        assert rows == [("emma", 5)]
        person = analyst.execute("SELECT person FROM analytics.reviews").fetchone()
        assert person is not None
        assert person[0] not in (reader.id, "")
        for table in ("user_reviews", "review_authors", "book_reviews", "user_review_reports"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                analyst.execute(f"SELECT * FROM {table}")  # noqa: S608 - our names
