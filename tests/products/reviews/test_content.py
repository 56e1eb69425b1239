"""The books: their rules, the seed, the demo account, and the settings of the recommender."""

from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from app.settings import SettingsError, load_settings
from tests.conftest import Account
from tests.products.reviews.conftest import book, call


def put(admin: Account, **changes: Any) -> Any:
    return call(admin, "PUT", "/v1/admin/content/books/emma", book("emma", **changes))


@pytest.mark.parametrize(
    "isbn", ["9780141439587", "978-0-14-143958-7", "978 0 14 143958 7", "9791032305690"]
)
def test_an_isbn_is_kept_without_hyphens(admin: Account, isbn: str) -> None:
    answer = put(admin, isbn=isbn)
    assert answer.status_code == 201, answer.text
    digits = isbn.replace("-", "").replace(" ", "")
    assert call(admin, "GET", "/v1/content/books/emma").get_json()["data"]["isbn"] == digits


@pytest.mark.parametrize(
    "isbn",
    [
        "9780141439588",
        "9780141349587",
        "014143958X",
        "9770141439587",
        "978014143958",
        "97801414395877",
        "978014143958X",
        "٩٧٨٠١٤١٤٣٩٥٨٧",
        "",
    ],
)
def test_another_number_is_no_isbn(admin: Account, isbn: str) -> None:
    answer = put(admin, isbn=isbn)
    assert answer.status_code == 422
    assert "isbn" in answer.get_json()["errors"][0]["field"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("authors", []),
        ("year", 2101),
        ("languages", []),
        ("languages", ["no language"]),
        ("subjects", ["Two Words"]),
        ("publisher", "x"),
    ],
)
def test_faults_of_a_book_are_named(admin: Account, field: str, value: Any) -> None:
    answer = put(admin, **{field: value})
    assert answer.status_code == 422
    assert field in answer.get_json()["errors"][0]["field"]


def test_the_seed_has_forty_books_in_two_languages(app: APIFlask, client: FlaskClient) -> None:
    result = app.test_cli_runner().invoke(args=["content", "seed"])
    assert result.exit_code == 0, result.output
    english = client.get("/v1/content/books?limit=100&locale=en").get_json()["items"]
    german = client.get("/v1/content/books?limit=100&locale=de").get_json()["items"]
    assert len(english) == len(german) == 40
    assert len({item["data"]["isbn"] for item in english}) == 40
    # The copyright of all of them has ended: life and 70 years.
    assert all(item["data"]["year"] < 1900 for item in english)
    for one, other in zip(english, german, strict=True):
        assert one["data"]["description"] != other["data"]["description"]
        assert set(one["tags"]) == set(one["data"]["subjects"])
    found = client.get("/v1/content/books?q=sturmh").get_json()["items"]
    assert [item["id"] for item in found] == ["wuthering-heights"]


def test_the_demo_account_has_reviews(
    make_app: Callable[..., APIFlask], client: FlaskClient
) -> None:
    demo = make_app(environment="development", products=("reviews",))
    result = demo.test_cli_runner().invoke(args=["seed"])
    assert result.exit_code == 0, result.output
    summary = client.get("/v1/books/moby-dick/summary").get_json()
    assert (summary["count"], summary["average"]) == (1, 3.0)
    draft = client.get("/v1/books/crime-and-punishment/summary").get_json()
    assert draft["count"] == 0


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"URL": "http://127.0.0.1/v1"}, "FIVEBOX_RECOMMENDER_MODEL: is needed with"),
        ({"URL": "ftp://a/", "MODEL": "m"}, "FIVEBOX_RECOMMENDER_URL: "),
        ({"URL": "https://user:password@a/", "MODEL": "m"}, "FIVEBOX_RECOMMENDER_URL: "),
        ({"KEY": "two words"}, "FIVEBOX_RECOMMENDER_KEY: must be of printable"),
        ({"MODEL": "a b"}, "FIVEBOX_RECOMMENDER_MODEL: "),
    ],
)
def test_faults_of_the_settings_are_named(
    app: APIFlask, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], fault: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"FIVEBOX_RECOMMENDER_{name}", value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert fault in str(raised.value)
    assert "password@" not in str(raised.value)
