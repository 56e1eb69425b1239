"""What administrators do to documents."""

import threading

import pytest

from tests.content.conftest import ADMIN, PUBLIC, recipe

NAMED = [{"id": name, **recipe(name)} for name in ("bread", "cake", "soup")]


def field_of(answer) -> str:
    assert answer.status_code == 422, answer.text
    return answer.get_json()["errors"][0]["field"]


def test_a_document_is_written_shown_changed_and_deleted(call, anyone):
    created = call("PUT", f"{ADMIN}/soup", recipe())
    assert (created.status_code, created.headers["ETag"]) == (201, '"1"')
    shown = call("GET", f"{ADMIN}/soup")
    assert shown.get_json() == created.get_json()
    again = call("GET", f"{ADMIN}/soup", If_None_Match='"1"')
    assert again.status_code == 304
    changed = call("PUT", f"{ADMIN}/soup", recipe("Broth"))
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert anyone.get(f"{PUBLIC}/soup").get_json()["data"]["title"] == "Broth"
    assert call("DELETE", f"{ADMIN}/soup").status_code == 204
    assert call("GET", f"{ADMIN}/soup").status_code == 404
    assert call("DELETE", f"{ADMIN}/soup").status_code == 404
    assert anyone.get(f"{PUBLIC}/soup").status_code == 404


def test_an_id_may_be_as_long_as_a_slug(call):
    longest = "a" * 100

    assert call("PUT", f"{ADMIN}/{longest}", recipe()).status_code == 201
    assert call("DELETE", f"{ADMIN}/{longest}").status_code == 204
    assert call("PUT", f"{ADMIN}/{longest}a", recipe()).status_code == 404


def test_it_is_known_who_wrote(admin, put):
    body = put("soup")

    assert (body["changed_by"], body["origin"]) == (admin.id, "local")


def test_a_repeat_changes_nothing(call, put):
    first = put("soup", tags=["warm"], published_from="2026-01-01T00:00:00Z")

    again = call(
        "PUT",
        f"{ADMIN}/soup",
        recipe(tags=["warm", "warm"], published_from="2026-01-01T01:00:00+01:00"),
    )

    assert (again.status_code, again.get_json()) == (200, first)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_only_the_version_that_was_read_is_changed(call, put, method):
    put("soup")
    put("soup", "Broth")
    body = recipe("Stew") if method == "PUT" else None

    old = call(method, f"{ADMIN}/soup", body, If_Match='"1"')
    new = call(method, f"{ADMIN}/soup", body, If_Match='"2"')

    assert old.status_code == 412
    assert old.get_json()["current"]["data"]["title"] == {"en": "Broth"}
    assert new.status_code in (200, 204)


def test_what_is_gone_matches_no_version(call, put):
    put("soup")
    call("DELETE", f"{ADMIN}/soup")

    for name in ("soup", "never-there"):
        assert call("PUT", f"{ADMIN}/{name}", recipe(), If_Match='"1"').status_code == 412


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"data": {"title": {}}}, "data.title"),
        ({"data": {"title": {"de": "Suppe"}}}, "data.title"),
        ({"data": {"title": {"en": ""}}}, "data.title.en"),
        ({"data": {"title": {"en": "S", "fr": "S"}}}, "data"),
        ({"data": {"names": {"x": {"en": "S", "fr": "S"}}}}, "data"),
        ({"data": {"title": {"en": "S", "Deutsch": "S"}}}, "data.title.Deutsch.[key]"),
        ({"data": {"grams": -1}}, "data.grams"),
        ({"data": {"other": 1}}, "data.other"),
        ({"data": {"text": {"en": "a\0b"}}}, "data"),
        ({"data": {"names": {"a\0": {"en": "a"}}}}, "data"),
        ({"data": {"steps": [{"en": "x" * 40_000}]}}, "data"),
        ({"tags": ["Warm"]}, "tags.0"),
        ({"tags": [f"t{n}" for n in range(21)]}, "tags"),
        ({"published_from": "2026-01-01T00:00:00"}, "published_from"),
        (
            {
                "published_from": "2026-01-02T00:00:00Z",
                "published_until": "2026-01-02T00:00:00Z",
            },
            "published_until",
        ),
    ],
)
def test_a_document_that_does_not_fit_is_refused(call, changes, field):
    assert field_of(call("PUT", f"{ADMIN}/soup", recipe(**changes))) == field
    assert call("GET", f"{ADMIN}/soup").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_collection_is_refused(call, method):
    body = recipe() if method == "PUT" else None

    assert call(method, "/v1/admin/content/none/soup", body).status_code == 404


def test_all_versions_stay_readable(call, put):
    put("soup")
    put("soup", "Broth", published=False)
    call("DELETE", f"{ADMIN}/soup")
    put("soup", "Stew")

    pages, query = [], "?limit=3"
    while query:
        page = call("GET", f"{ADMIN}/soup/versions{query}").get_json()
        pages.append(page["items"])
        query = f"?limit=3&after={page['next']}" if page["next"] else ""
    versions = [item for page in pages for item in page]

    assert [len(page) for page in pages] == [3, 1]
    assert [(item["version"], item["deleted"]) for item in versions] == [
        (4, False),
        (3, True),
        (2, False),
        (1, False),
    ]
    assert [item["data"]["title"]["en"] for item in versions] == ["Stew", "Broth", "Broth", "Soup"]
    assert call("GET", f"{ADMIN}/soup/versions/2").get_json() == versions[2]
    assert versions[2]["published"] is False


@pytest.mark.parametrize("path", ["none/versions", "none/versions/1", "soup/versions/2"])
def test_other_versions_are_not_found(call, put, path):
    put("soup")

    assert call("GET", f"{ADMIN}/{path}").status_code == 404


@pytest.mark.parametrize("after", ["WyJ4Il0", "WyIxMjM0NTY3ODkwIl0", "x"])
def test_versions_take_only_their_own_cursors(call, put, after):
    put("soup")

    assert field_of(call("GET", f"{ADMIN}/soup/versions?after={after}")) == "after"


def test_reverting_makes_a_new_version(call, put, anyone):
    put("soup", tags=["warm"])
    put("soup", "Broth")

    answer = call("POST", f"{ADMIN}/soup/revert", {"version": 1}, If_Match='"2"')

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"3"')
    assert anyone.get(f"{PUBLIC}/soup").get_json()["data"]["title"] == "Soup"
    assert answer.get_json()["tags"] == ["warm"]
    late = call("POST", f"{ADMIN}/soup/revert", {"version": 2}, If_Match='"2"')
    assert late.status_code == 412


def test_reverting_brings_back_what_was_deleted(call, put, anyone):
    put("soup")
    call("DELETE", f"{ADMIN}/soup")

    assert field_of(call("POST", f"{ADMIN}/soup/revert", {"version": 2})) == "version"
    assert call("POST", f"{ADMIN}/soup/revert", {"version": 3}).status_code == 404
    assert call("POST", f"{ADMIN}/soup/revert", {"version": 1}).status_code == 200
    assert anyone.get(f"{PUBLIC}/soup").status_code == 200


def test_a_version_that_fits_no_more_is_not_reverted_to(call, put, owner_connection):
    put("soup")
    put("soup", "Broth")
    owner_connection.execute("UPDATE content_versions SET data = '{\"old\": 1}' WHERE version = 1")

    assert field_of(call("POST", f"{ADMIN}/soup/revert", {"version": 1})).startswith("data.")


def test_administrators_list_everything(call, put):
    put("bread", published=False)
    put("cake", data={"title": {"en": "Cake", "de": "Kuchen"}})
    put("soup")
    call("DELETE", f"{ADMIN}/soup")

    first = call("GET", f"{ADMIN}?limit=1").get_json()
    second = call("GET", f"{ADMIN}?limit=1&after={first['next']}").get_json()
    deleted = call("GET", f"{ADMIN}?deleted=true").get_json()

    assert [item["id"] for item in first["items"] + second["items"]] == ["bread", "cake"]
    assert second["items"][0]["data"]["title"] == {"en": "Cake", "de": "Kuchen"}
    assert second["next"] is None
    assert [item["id"] for item in deleted["items"]] == ["soup"]


def test_many_are_written_at_once(call, anyone, put):
    put("soup", "soup")
    put("cake", "Old cake")

    first = call("POST", ADMIN, {"documents": NAMED}).get_json()
    again = call("POST", ADMIN, {"documents": NAMED}).get_json()

    assert first == {"created": 1, "changed": 1, "unchanged": 1}
    assert again == {"created": 0, "changed": 0, "unchanged": 3}
    titles = {item["id"]: item["data"]["title"] for item in anyone.get(PUBLIC).get_json()["items"]}
    assert titles == {"bread": "bread", "cake": "cake", "soup": "soup"}


@pytest.mark.parametrize(
    ("documents", "field"),
    [
        ([*NAMED, {"id": "x", "data": {"title": {}}}], "documents.3.data.title"),
        ([*NAMED, NAMED[0]], "documents.3.id"),
        ([*NAMED, {"id": "X!", **recipe()}], "documents.3.id"),
        ([], "documents"),
        ([NAMED[0]] * 501, "documents"),
    ],
)
def test_many_are_written_all_or_none(call, anyone, documents, field):
    assert field_of(call("POST", ADMIN, {"documents": documents})) == field
    assert anyone.get(PUBLIC).get_json()["items"] == []


def test_of_two_who_write_at_once_one_is_told(call, admin, app_with_recipes, put):
    put("soup")
    begun = threading.Barrier(8)
    answers: list[int] = []

    def write(number: int) -> None:
        client = app_with_recipes.test_client()
        headers = {**admin.headers, "If-Match": '"1"'}
        begun.wait(10)
        body = recipe(f"Soup {number}")
        answers.append(client.put(f"{ADMIN}/soup", json=body, headers=headers).status_code)

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(answers) == [200] + [412] * 7
    assert call("GET", f"{ADMIN}/soup").headers["ETag"] == '"2"'


def test_two_who_create_at_once_do_no_harm(admin, app_with_recipes, call):
    begun = threading.Barrier(6)
    answers: list[int] = []

    def write() -> None:
        client = app_with_recipes.test_client()
        begun.wait(10)
        answers.append(
            client.put(f"{ADMIN}/soup", json=recipe(), headers=admin.headers).status_code
        )

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(answers) == [200] * 5 + [201]
    assert call("GET", f"{ADMIN}/soup").headers["ETag"] == '"1"'
