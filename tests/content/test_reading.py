"""Public lists and documents."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.content.conftest import ADMIN, PUBLIC, recipe
from tests.waiting import wait_until

DAY = timedelta(days=1)


def ids(client, query: str = "") -> list[str]:
    answer = client.get(f"{PUBLIC}{query}")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.get_json()["items"]]


def test_anyone_reads_a_document(anyone, put):
    written = put("soup", tags=["warm", "fast", "warm"], data={"grams": 2.5})

    answer = anyone.get(f"{PUBLIC}/soup")
    body = answer.get_json()

    assert answer.status_code == 200
    assert body.keys() == {"collection", "id", "version", "locale", "tags", "data", "updated_at"}
    assert (body["collection"], body["id"], body["version"]) == ("recipes", "soup", 1)
    assert body["tags"] == ["fast", "warm"]
    assert body["data"]["grams"] == 2.5
    assert datetime.fromisoformat(body["updated_at"]) == datetime.fromisoformat(
        written["updated_at"]
    )


@pytest.mark.parametrize("path", [f"{PUBLIC}/none", "/v1/content/none", "/v1/content/none/soup"])
def test_what_is_not_there_is_not_found(anyone, path):
    answer = anyone.get(path)

    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


def test_caches_may_keep_it(kitchen, put):
    put("soup")
    client = kitchen(content_max_age_seconds=7).test_client()

    for path in (PUBLIC, f"{PUBLIC}/soup"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "public, max-age=7, stale-while-revalidate=600"
        assert not headers["ETag"].startswith("W/")


def lives(client, path: str) -> list[int]:
    """The max-age and the stale-while-revalidate of an answer."""
    answer = client.get(path)
    assert answer.status_code == 200
    public, *parts = answer.headers["Cache-Control"].split(", ")
    assert public == "public"
    assert [part.partition("=")[0] for part in parts] == ["max-age", "stale-while-revalidate"]
    return [int(part.partition("=")[2]) for part in parts]


def test_no_cache_keeps_an_answer_past_a_date_of_publication(kitchen, put, cache):
    put("soup", published_until=(datetime.now(UTC) + timedelta(seconds=200)).isoformat())
    put("stew", published_from=(datetime.now(UTC) + timedelta(seconds=100)).isoformat())
    put("bread", published_from=(datetime.now(UTC) - DAY).isoformat())
    put("cake", published_until=(datetime.now(UTC) - DAY).isoformat())
    client = kitchen(content_max_age_seconds=60, content_cache_seconds=300).test_client()

    for path, longest in ((f"{PUBLIC}/soup", 200), (PUBLIC, 100)):
        cache.flushdb()
        # Read, and then from the cache.
        for _ in range(2):
            fresh, stale = lives(client, path)
            assert fresh == 60
            assert longest - 30 < fresh + stale <= longest
        keys = [key for key in cache.scan_iter("content:*") if b"generation" not in key]
        assert 0 < cache.ttl(keys[0]) <= longest
    assert lives(client, f"{PUBLIC}/bread") == [60, 600]
    far = kitchen(content_max_age_seconds=300).test_client()
    assert (lives(far, PUBLIC)[0] <= 100, lives(far, PUBLIC)[1]) == (True, 0)


def test_a_date_of_publication_takes_effect_at_once(anyone, put):
    put("soup", published_until=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    put("stew", published_from=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    assert anyone.get(f"{PUBLIC}/soup").status_code == 200
    assert ids(anyone) == ["soup"]

    wait_until(lambda: ids(anyone) == ["stew"])
    wait_until(lambda: anyone.get(f"{PUBLIC}/soup").status_code == 404)


@pytest.mark.parametrize("path", [PUBLIC, f"{PUBLIC}/soup"])
def test_an_etag_holds_until_something_changes(anyone, put, path):
    put("soup")
    tag = anyone.get(path).headers["ETag"]

    same = anyone.get(path, headers={"If-None-Match": tag})
    put("soup", "Broth")
    other = anyone.get(path, headers={"If-None-Match": tag})

    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["ETag"] == tag
    assert "max-age" in same.headers["Cache-Control"]
    assert other.status_code == 200
    assert other.headers["ETag"] != tag


def test_the_etag_of_a_document_names_its_version(anyone, put):
    put("soup")
    put("soup", "Broth")

    assert anyone.get(f"{PUBLIC}/soup").headers["ETag"].startswith('"2-')


def test_head_is_answered(anyone, put):
    put("soup")

    answer = anyone.head(f"{PUBLIC}/soup")

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["ETag"] == anyone.get(f"{PUBLIC}/soup").headers["ETag"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"published": False}, False),
        ({"published_from": datetime.now(UTC) + DAY}, False),
        ({"published_from": datetime.now(UTC) - DAY}, True),
        ({"published_until": datetime.now(UTC) - DAY}, False),
        ({"published_until": datetime.now(UTC) + DAY}, True),
    ],
)
def test_only_what_is_published_is_shown(anyone, put, changes, shown):
    put("soup", **{k: v if v is False else v.isoformat() for k, v in changes.items()})

    assert anyone.get(f"{PUBLIC}/soup").status_code == (200 if shown else 404)
    assert ids(anyone) == (["soup"] if shown else [])


def test_pages_give_every_document_once(anyone, put):
    names = [f"dish-{number}" for number in range(7)]
    for name in reversed(names):
        put(name)
    seen, query = [], "?limit=3"
    while query:
        page = anyone.get(f"{PUBLIC}{query}").get_json()
        seen += [item["id"] for item in page["items"]]
        query = f"?limit=3&after={page['next']}" if page["next"] else ""

    assert seen == names


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?after=x", "?tags=A", "?q=", "?z=1"])
def test_a_query_that_is_none_is_refused(anyone, query):
    assert anyone.get(f"{PUBLIC}{query}").status_code == 422


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("soup", ["garlic-soup", "onion-soup"]),
        ("SOUP onion", ["onion-soup"]),
        ("on so", ["onion-soup"]),
        ("oup", []),
        ("crème", ["creme"]),
        ("creme BRULEE", ["creme"]),
        ("zwiebel", ["onion-soup"]),
        ("strasse", ["creme"]),
        ("soup | creme", []),
        ("' & !", None),
        ("a'b:*&!()\\", []),
        ("čorba", ["garlic-soup"]),
    ],
)
def test_search_finds_beginnings_of_words_of_titles(anyone, put, query, found):
    put("onion-soup", "Onion soup", data={"title": {"en": "Onion soup", "de": "Zwiebelsuppe"}})
    put("garlic-soup", data={"title": {"en": "Garlic soup", "sr": "Čorba od luka"}})
    put("creme", "Crème brûlée, Straße", data={"text": {"en": "no soup"}})

    answer = anyone.get(PUBLIC, query_string={"q": query})

    if found is None:
        assert answer.status_code == 422
    else:
        assert [item["id"] for item in answer.get_json()["items"]] == found


def test_tags_must_all_be_there(anyone, put):
    put("soup", tags=["warm", "fast"])
    put("stew", tags=["warm"])

    assert ids(anyone, "?tags=warm") == ["soup", "stew"]
    assert ids(anyone, "?tags=warm,fast") == ["soup"]
    assert ids(anyone, "?tags=cold") == []
    assert ids(anyone, "?tags=warm&q=soup&limit=1") == ["soup"]


def test_a_document_that_fits_no_more_is_left_out(anyone, put, owner_connection):
    put("soup")
    put("stew", "Stew")
    owner_connection.execute("UPDATE content_documents SET data = '{\"old\": 1}' WHERE id = 'soup'")

    assert ids(anyone) == ["stew"]
    assert anyone.get(f"{PUBLIC}/soup").status_code == 404


def test_hot_queries_use_their_indexes(call, owner_connection):
    documents = [
        {"id": f"dish-{n}", "tags": [f"tag-{n}"], **recipe(f"Dish{n} of the day")}
        for n in range(500)
    ]
    assert call("POST", ADMIN, {"documents": documents}).status_code == 200
    live = "SELECT * FROM content_documents WHERE published AND deleted_at IS NULL AND "
    plans = {
        "content_documents_words": "array_to_tsvector(words) @@ '''dish77'':*'::tsquery",
        "content_documents_tags": "tags @> '{tag-7}'",
        "content_documents_live": "collection = 'recipes' AND id > 'dish-3' ORDER BY id LIMIT 21",
    }
    # New words wait beside their index, which makes it look expensive, until a vacuum.
    owner_connection.execute("VACUUM (ANALYZE) content_documents")
    with owner_connection.transaction():
        owner_connection.execute("SET LOCAL enable_seqscan = off")
        for index, condition in plans.items():
            rows = owner_connection.execute(f"EXPLAIN {live}{condition}").fetchall()
            assert index in "\n".join(row[0] for row in rows), rows


def test_only_the_scope_of_content_writes(put, servers):
    put("soup")
    url = servers.environment()["FIVEBOX_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT id FROM content_documents").fetchall() == [("soup",)]
        changed = connection.execute("UPDATE content_documents SET published = false")
        assert changed.rowcount == 0
        for statement in (
            "INSERT INTO content_documents SELECT collection, 'x', version, origin, tags, data, "
            "words, true FROM content_documents",
            "INSERT INTO content_sources (collection, next_fetch_at) VALUES ('x', now())",
            "UPDATE content_versions SET version = 9",
            "DELETE FROM content_versions",
            "DELETE FROM content_documents",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
