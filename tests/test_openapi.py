"""The OpenAPI document and the pages that show it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import schemathesis

PROBLEM = {"$ref": "#/components/schemas/Problem"}


@pytest.fixture
def document(client) -> dict[str, Any]:
    return client.get("/openapi.json").get_json()


def operations(document) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield f"{method.upper()} {path}", operation


def test_it_is_valid_openapi_3_1(app, document):
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


def test_it_names_its_version_and_address(document, settings):
    assert document["info"]["title"] == "Fivebox API"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", document["info"]["version"])
    assert document["servers"] == [{"url": settings.public_url}]


def test_every_reference_leads_somewhere(document):
    schemas = document["components"]["schemas"]
    names = set(re.findall(r"#/components/schemas/([\w.-]+)", repr(document)))

    assert names
    assert names - schemas.keys() == set()
    assert "$defs" not in repr(document)


def test_a_schema_is_described_once(document):
    schemas = document["components"]["schemas"]

    assert [name for name in schemas if re.search(r"[-_\d]\d*$", name)] == []
    assert schemas.keys() >= {"HabitOutput", "UserOutput", "TokensOutput", "Problem"}


def test_every_success_has_a_schema_and_nothing_else_a_body(document):
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            bodies = [media["schema"] for media in answer.get("content", {}).values()]
            if status in ("200", "201", "202", "206"):
                assert bodies, (name, status)
                assert all(bodies), (name, status)
            elif int(status) < 400:
                assert (status in ("204", "302", "304"), bodies) == (True, []), (name, status)


def test_a_repeat_answers_as_the_first_did(document):
    found = 0
    for name, operation in operations(document):
        answers = operation["responses"]
        if {"200", "201"} <= answers.keys():
            assert answers["200"]["content"] == answers["201"]["content"], name
            found += 1

    assert found > 10


def test_a_download_is_binary(document):
    answers = document["paths"]["/v1/files/{file_id}/download"]["get"]["responses"]

    for status in ("200", "206"):
        (media,) = answers[status]["content"].values()
        assert media["schema"] == {"type": "string", "format": "binary"}


def test_a_tag_is_listed_once(document):
    names = [tag["name"] for tag in document["tags"]]

    assert len(names) == len(set(names)) > 5
    assert set(names) >= {tag for _, operation in operations(document) for tag in operation["tags"]}


def test_every_error_is_a_problem(document):
    for name, operation in operations(document):
        if "/health" in name:
            continue
        errors = {s: r for s, r in operation["responses"].items() if int(s) >= 400}
        assert {"429", "500", "503"} <= errors.keys(), name
        for answer in errors.values():
            assert answer["content"] == {"application/problem+json": {"schema": PROBLEM}}, name
            assert answer["description"], name


def test_every_answer_tells_what_is_left_of_the_limits(document):
    for path, operations in document["paths"].items():
        for operation in operations.values():
            told = [set(answer.get("headers", {})) for answer in operation["responses"].values()]
            wanted = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
            assert path.startswith("/health") or all(wanted <= headers for headers in told)


def test_bodies_paths_and_tokens_bring_their_errors(document):
    for name, operation in operations(document):
        declared = operation["responses"].keys()
        if "requestBody" in operation:
            assert operation["requestBody"]["required"] is True, name
            assert {"400", "413", "415", "422"} <= declared, name
        if "{" in name:
            assert "404" in declared, name
        if operation.get("security"):
            assert "401" in declared, name


def test_every_operation_is_described(document):
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["tags"], name


def test_the_token_is_declared(document):
    (scheme,) = document["components"]["securitySchemes"].values()

    assert (scheme["type"], scheme["scheme"].lower()) == ("http", "bearer")


class _Links(HTMLParser):
    """Collects what a page loads, and scripts written into it."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.loaded += [v for k, v in values.items() if k in ("src", "href") and v]
        self.inline += tag == "script" and "src" not in values
        self.inline += any(name.startswith("on") for name in values)


def test_the_bare_address_leads_to_the_docs(client):
    answer = client.get("/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/docs")
    assert client.get("/", follow_redirects=True).data == client.get("/docs").data


def test_the_docs_load_only_files_of_this_host(client):
    page = client.get("/docs")
    links = _Links()
    links.feed(page.text)

    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert len(links.loaded) >= 3
    for link in links.loaded:
        assert not re.match(r"(\w+:)?//", link)
        assert client.get(link).status_code == 200, link


def test_the_docs_run_no_inline_script(client):
    page = client.get("/docs")
    links = _Links()
    links.feed(page.text)
    policy = page.headers["Content-Security-Policy"]

    assert links.inline == 0
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy


def test_the_docs_show_this_document(client):
    page = client.get("/docs")
    scripts = [s for s in re.findall(r'src="([^"]+)"', page.text) if "bundle" not in s]

    assert any("/openapi.json" in client.get(script).text for script in scripts)
