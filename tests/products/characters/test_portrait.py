"""Portraits: files of the user that characters refer to."""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Account
from tests.files.conftest import PNG
from tests.products.characters.conftest import CHARACTER, Call, assert_problem

PATH = "/v1/characters/mira"


@pytest.fixture
def store(call: Call) -> Callable[..., str]:
    """Upload a portrait."""

    def upload(file_id: str = "face", **changes: Any) -> str:
        declared = declare(call, file_id, **changes)
        assert declared.status_code == 201, declared.text
        link = declared.get_json()["upload"]
        target = urlsplit(link["url"])
        answer = call(
            link["method"], f"{target.path}?{target.query}", data=PNG, **_named(link["headers"])
        )
        assert answer.status_code == 204, answer.text
        assert call("POST", f"/v1/files/{file_id}/complete").status_code == 200
        return file_id

    return upload


def declare(call: Call, file_id: str, **changes: Any) -> Any:
    body = {
        "id": file_id,
        "name": "mira.png",
        "purpose": "portrait",
        "content_type": "image/png",
        "size": len(PNG),
        "sha256": hashlib.sha256(PNG).hexdigest(),
        **changes,
    }
    return call("POST", "/v1/files", body)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}


def test_a_portrait_is_given_and_taken_away(
    call: Call, create: Callable[..., Any], store: Callable[..., str]
) -> None:
    create(portrait_id=store())
    assert call("GET", PATH).get_json()["portrait_id"] == "face"
    assert call("PATCH", PATH, {"name": "Ann"}).get_json()["portrait_id"] == "face"
    assert call("PATCH", PATH, {"portrait_id": None}).get_json()["portrait_id"] is None
    assert call("PATCH", PATH, {"portrait_id": "face"}).get_json()["portrait_id"] == "face"


def test_deleting_the_file_clears_it(
    call: Call, create: Callable[..., Any], store: Callable[..., str]
) -> None:
    store("face")
    store("other")
    create(portrait_id="face")
    create(id="ann", portrait_id="face")
    create(id="bo", portrait_id="other")
    before = call("GET", PATH).get_json()["rev"]

    assert call("DELETE", "/v1/files/face").status_code == 204

    rows = {row["id"]: row for row in call("GET", "/v1/characters").get_json()["items"]}
    assert {name: row["portrait_id"] for name, row in rows.items()} == {
        "mira": None,
        "ann": None,
        "bo": "other",
    }
    # Other devices learn of it.
    assert rows["mira"]["rev"] > before
    refused = call("PATCH", PATH, {"portrait_id": "face"})
    assert_problem(refused, 422, "invalid-input", "portrait_id")


def test_a_deleted_character_forgets_a_deleted_file(
    call: Call, create: Callable[..., Any], store: Callable[..., str]
) -> None:
    create(portrait_id=store())
    call("DELETE", PATH)
    call("DELETE", "/v1/files/face")
    assert create()["portrait_id"] is None


def test_only_a_stored_portrait_of_ones_own_will_do(
    call: Call,
    create: Callable[..., Any],
    store: Callable[..., str],
    register: Callable[..., Account],
) -> None:
    create()
    declare(call, "pending")
    refused = call("PATCH", PATH, {"portrait_id": "pending"})
    assert_problem(refused, 422, "invalid-input", "portrait_id")
    assert "complete its upload" in refused.text
    note = {"purpose": "attachment", "content_type": "text/plain"}
    assert declare(call, "note", **note).status_code == 201
    assert_problem(
        call("PATCH", PATH, {"portrait_id": "note"}), 422, "invalid-input", "portrait_id"
    )
    store("face")
    theirs = call(
        "POST", "/v1/characters", {**CHARACTER, "portrait_id": "face"}, account=register()
    )
    assert_problem(theirs, 422, "invalid-input", "portrait_id")


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"content_type": "image/gif"}, 422, "invalid-input"),
        ({"content_type": "application/pdf"}, 422, "invalid-input"),
        ({"size": 2_000_001}, 413, "file-too-large"),
        ({"content_type": "image/webp", "size": 2_000_000}, 201, ""),
        ({"content_type": "image/jpeg"}, 201, ""),
    ],
    ids=str,
)
def test_portraits_are_small_pictures(
    call: Call, changes: dict[str, Any], status: int, word: str
) -> None:
    answer = declare(call, "face", **changes)
    if status == 201:
        assert answer.status_code == 201, answer.text
    else:
        assert_problem(answer, status, word)
