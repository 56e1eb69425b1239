"""Public content in nginx's cache: a write is seen at once, and an outage of the API is not."""

from collections.abc import Iterator

import pytest

from tests.lab.conftest import Answer, Api
from tests.lab.hosts import API_UNIT, Host
from tests.lab.waiting import until

PASSWORD = "a long lab passphrase"
COLLECTION = "/v1/content/habit_templates"
DOCUMENT = f"{COLLECTION}/edge"


@pytest.fixture(scope="module")
def admin(host: Host, api: Api) -> str:
    """Access token of an administrator."""
    email = "edge@example.com"
    host.ssh(f"echo '{PASSWORD}' | fivebox create-admin {email}")
    answer = api.ask("POST", "/v1/accounts/login", {"email": email, "password": PASSWORD})
    token: str = answer.json()["tokens"]["access_token"]
    return token


def _write(api: Api, admin: str, title: str) -> None:
    template = api.ask("GET", f"{COLLECTION}?limit=1").json()["items"][0]["data"]
    texts = {name: {"en": template[name]} for name in ("description", "reason")}
    data = {**template, **texts, "title": {"en": title}}
    written = api.ask("PUT", f"/v1/admin{DOCUMENT.removeprefix('/v1')}", {"data": data}, admin)
    assert written.status in (200, 201), written.body


def _cached(answer: Answer) -> bool:
    return answer.headers["cache-status"].startswith("nginx; hit")


def test_what_an_administrator_writes_is_shown_at_once(api: Api, admin: str) -> None:
    for title in ("First", "Second", "Third"):
        _write(api, admin, title)
        # The API tells nginx after its answer to the writer.
        until(lambda title=title: api.ask("GET", DOCUMENT).json()["data"]["title"] == title, 2)
        assert _cached(api.ask("GET", DOCUMENT))


def test_an_unpublished_document_is_not_shown_to_anybody(api: Api, admin: str) -> None:
    _write(api, admin, "Draft")
    path = f"/v1/admin{DOCUMENT.removeprefix('/v1')}"
    document = api.ask("GET", path, None, admin).json()
    draft = {"data": document["data"], "published": False}
    assert api.ask("PUT", path, draft, admin).status == 200
    until(lambda: api.ask("GET", DOCUMENT).status == 404, 2)
    # An administrator's token opens nothing here that others could then get from the cache.
    assert api.ask("GET", DOCUMENT, None, admin).status == 404
    assert api.ask("GET", path, None, admin).status == 200
    assert api.ask("GET", path).status == 401


@pytest.fixture
def without_api(host: Host) -> Iterator[None]:
    host.ssh(f"systemctl stop {API_UNIT}")
    yield
    host.ssh(f"systemctl start {API_UNIT}")


def test_content_is_served_while_the_api_is_down(
    host: Host, api: Api, request: pytest.FixtureRequest
) -> None:
    german = (f"{COLLECTION}?limit=2", None, "", "https", "--header", "Accept-Language: de-AT")
    before = api.ask("GET", *german)
    assert before.status == 200, before.body
    assert before.headers["content-language"].startswith("de")
    request.getfixturevalue("without_api")
    answer = api.ask("GET", *german)
    assert (answer.status, answer.body) == (200, before.body)
    assert _cached(answer)
    assert api.ask("GET", "/v1/habits").status == 502
