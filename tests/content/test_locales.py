"""Which language an answer is in: RFC 4647, section 3.4."""

import pytest

from app.content.locales import chain

AVAILABLE = ("en", "de", "de-AT", "sr", "sr-Latn", "zh-Hant")


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], ("en",)),
        (["de-AT"], ("de-AT", "de", "en")),
        (["DE-at"], ("de-AT", "de", "en")),
        (["de-CH-1996"], ("de", "en")),
        (["sr-Latn-RS"], ("sr-Latn", "sr", "en")),
        (["sr-Cyrl"], ("sr", "en")),
        (["sr"], ("sr", "en")),
        (["zh-Hant-x-private"], ("zh-Hant", "en")),
        (["fr", "de"], ("de", "en")),
        (["de", "sr"], ("de", "sr", "en")),
        (["de-AT", "de", "en", "sr"], ("de-AT", "de", "en")),
        (["en-GB", "de"], ("en",)),
        (["*"], ("en",)),
        (["fr"], ("en",)),
        (["d"], ("en",)),
        (["-", ""], ("en",)),
    ],
)
def test_ranges_are_cut_until_something_fits(ranges, expected):
    assert chain(ranges, AVAILABLE) == expected


TEXTS = {
    "title": {"en": "Soup", "de": "Suppe", "sr-Latn": "Čorba"},
    "text": {"en": "Boil.", "de": "Kochen.", "de-AT": "Sieden."},
    "steps": [{"en": "One", "de": "Eins"}, {"en": "Two"}],
    "names": {"short": {"en": "S", "de": "Sp"}},
}


@pytest.fixture
def soup(put):
    return put("soup", data=TEXTS)


def test_each_text_falls_back_for_itself(anyone, soup):
    answer = anyone.get("/v1/content/recipes/soup?locale=de-AT")

    assert answer.get_json()["locale"] == "de"
    assert answer.get_json()["data"] == {
        "title": "Suppe",
        "text": "Sieden.",
        "steps": ["Eins", "Two"],
        "names": {"short": "Sp"},
        "grams": 0.0,
    }
    assert answer.headers["Content-Language"] == "de-AT, de, en"


@pytest.mark.parametrize(
    ("header", "language", "title"),
    [
        ("", "en", "Soup"),
        ("de", "de, en", "Suppe"),
        ("fr;q=0.9, sr-Latn-ME;q=0.8, de;q=0.1", "sr-Latn, de, en", "Čorba"),
        ("de;q=0, fr", "en", "Soup"),
        ("de;q=0.5, en", "en", "Soup"),
        ("!!, ;;q=x, *", "en", "Soup"),
        ("fr," * 50 + "de", "en", "Soup"),
    ],
)
def test_the_header_names_languages_by_weight(anyone, soup, header, language, title):
    answer = anyone.get("/v1/content/recipes/soup", headers={"Accept-Language": header})

    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == language
    assert answer.get_json()["data"]["title"] == title
    assert "Accept-Language" in answer.headers["Vary"]


def test_the_query_goes_before_the_header(anyone, soup):
    answer = anyone.get(
        "/v1/content/recipes/soup?locale=sr-latn", headers={"Accept-Language": "de"}
    )

    assert answer.get_json()["data"]["title"] == "Čorba"
    assert "Accept-Language" not in answer.headers.get("Vary", "")


@pytest.mark.parametrize("locale", ["", "d e", "de_AT", "a" * 9, "de-" + "-".join("x" * 9)])
def test_a_locale_that_is_no_tag_is_refused(anyone, soup, locale):
    answer = anyone.get("/v1/content/recipes/soup", query_string={"locale": locale})

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "query.locale" or "locale" in answer.text


def test_a_list_says_all_its_languages(anyone, put, soup):
    put("stew", "Stew")

    answer = anyone.get("/v1/content/recipes?locale=de")

    assert [item["data"]["title"] for item in answer.get_json()["items"]] == ["Suppe", "Stew"]
    assert answer.headers["Content-Language"] == "de, en"


def test_languages_have_etags_of_their_own(anyone, soup):
    tags = {
        anyone.get(f"/v1/content/recipes/soup?locale={locale}").headers["ETag"]
        for locale in ("en", "de", "sr-Latn")
    }

    assert len(tags) == 3
