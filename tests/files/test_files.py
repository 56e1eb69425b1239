"""Files through the API, over both storages: declare, upload, complete, download, delete."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.files.conftest import (
    MAX_BYTES,
    PNG,
    PORTRAIT_BYTES,
    QUOTA_BYTES,
    TEXT,
    URL_SECONDS,
    Answer,
    Person,
    assert_problem,
    declaration,
    send,
    upload,
)

# S3 tells those who may not list the bucket no more than 403.
GONE = (403, 404)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"


def test_a_file_is_declared_uploaded_completed_and_downloaded(user: Person) -> None:
    declared = user.declare()
    body = declared.json()
    assert (declared.status, declared.headers["ETag"]) == (201, '"1"')
    assert (body["state"], body["stored_at"], body["rev"]) == ("pending", None, 1)
    left = datetime.fromisoformat(body["upload"]["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=URL_SECONDS - 30) < left <= timedelta(seconds=URL_SECONDS)

    assert upload(body["upload"], TEXT).status in (200, 204)
    completed = user.complete()
    assert (completed.status, completed.headers["ETag"]) == (200, '"2"')
    assert completed.json()["state"] == "stored"
    assert completed.json()["stored_at"] is not None
    assert "upload" not in completed.json()

    shown = user.call("GET", "/v1/files/f1")
    assert (shown.json(), shown.headers["ETag"]) == (completed.json(), '"2"')
    assert user.call("GET", "/v1/files/f1", If_None_Match='"2"').status == 304
    downloaded = send("GET", user.link())
    assert (downloaded.status, downloaded.body) == (200, TEXT)
    link = user.call("GET", "/v1/files/f1/link").json()
    assert send(link["method"], link["url"], headers=link["headers"]).body == TEXT
    left = datetime.fromisoformat(link["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=URL_SECONDS - 30) < left <= timedelta(seconds=URL_SECONDS)


def test_the_upload_leaves_only_the_proven_object(user: Person) -> None:
    user.add()

    (key,) = user.served.stored_keys()
    assert key.startswith(f"{user.id[:2]}/{user.id}/files/")


def test_a_download_is_no_page_and_keeps_its_name(user: Person) -> None:
    user.add(name='né "x".txt')

    answer = send("GET", user.link())

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="n_ _x_.txt"')
    assert disposition.endswith("filename*=UTF-8''n%C3%A9%20%22x%22.txt")


def test_an_image_may_be_shown(user: Person) -> None:
    user.add(PNG, purpose="portrait", content_type="image/png", name="me.png")

    answer = send("GET", user.link())

    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"].startswith('inline; filename="me.png"')


def test_a_part_is_downloaded(user: Person) -> None:
    user.add()

    answer = send("GET", user.link(), headers={"Range": "bytes=4-7"})

    assert (answer.status, answer.body) == (206, TEXT[4:8])
    assert answer.headers["Content-Range"] == f"bytes 4-7/{len(TEXT)}"


def test_a_file_larger_than_a_json_body_is_stored(user: Person) -> None:
    content = b"0123456789abcdef" * (MAX_BYTES // 16)

    user.add(content)

    assert hashlib.sha256(send("GET", user.link()).body).digest() == (
        hashlib.sha256(content).digest()
    )


def test_repeats_after_lost_replies_do_no_harm(user: Person) -> None:
    first = user.declare()
    again = user.declare()
    assert (first.status, again.status) == (201, 200)
    assert again.json()["rev"] == 1
    for _ in range(2):
        assert upload(again.json()["upload"], TEXT).status in (200, 204)
    completed, repeated = user.complete(), user.complete()
    assert repeated.json() == completed.json()
    declared = user.declare()
    assert (declared.status, declared.json()["upload"]) == (200, None)
    assert declared.json()["rev"] == 2


@pytest.mark.parametrize(
    "change",
    [{"name": "b.txt"}, {"content_type": "text/csv"}, {"sha256": "0" * 64}, {"size": 5}],
)
def test_an_id_is_taken_by_other_content(user: Person, change: dict[str, Any]) -> None:
    user.declare()

    assert_problem(user.declare(**change), 409, "conflict")
    user_file = user.call("GET", "/v1/files/f1").json()
    assert {name: user_file[name] for name in change} == {
        name: declaration()[name] for name in change
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "a/b"}, "id"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "../../etc/passwd"}, "name"),
        ({"name": "..\\autoexec.bat"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "cod\u202egnp.exe"}, "name"),
        ({"purpose": "Portrait"}, "purpose"),
        ({"purpose": "unheard-of"}, "purpose"),
        ({"content_type": "text/html"}, "content_type"),
        ({"content_type": "image/svg+xml"}, "content_type"),
        ({"content_type": "image/png"}, "content_type"),
        ({"content_type": "text/plain; charset=utf-8"}, "content_type"),
        ({"purpose": "portrait"}, "content_type"),
        ({"size": 0}, "size"),
        ({"sha256": "g" * 64}, "sha256"),
    ],
)
def test_each_fault_is_named(user: Person, changes: dict[str, Any], field: str) -> None:
    assert_problem(user.declare(**changes), 422, "invalid-input", field)


def test_too_large_a_file_is_told_the_limit(user: Person) -> None:
    answer = user.declare(size=MAX_BYTES + 1)
    assert assert_problem(answer, 413, "file-too-large")["limit"] == MAX_BYTES

    portrait = {"purpose": "portrait", "content_type": "image/png"}
    answer = user.declare(size=PORTRAIT_BYTES + 1, **portrait)
    assert assert_problem(answer, 413, "file-too-large")["limit"] == PORTRAIT_BYTES
    assert user.declare(size=PORTRAIT_BYTES, **portrait).status == 201


def test_the_quota_counts_what_is_declared(user: Person) -> None:
    half = QUOTA_BYTES // 2
    assert user.declare(id="a", size=half).status == 201
    assert user.declare(id="b", size=half).status == 201

    body = assert_problem(user.declare(id="c", size=1), 413, "quota-exceeded")
    assert (body["used"], body["limit"]) == (QUOTA_BYTES, QUOTA_BYTES)

    assert user.call("DELETE", "/v1/files/a").status == 204
    assert user.declare(id="c", size=1).status == 201
    assert Person(user.served).declare(size=half).status == 201


def test_declaring_at_once_does_not_pass_the_quota(user: Person) -> None:
    size = QUOTA_BYTES // 3
    barrier = Barrier(8)

    def declare(number: int) -> int:
        barrier.wait(timeout=10)
        return user.declare(id=f"f{number}", size=size).status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(declare, range(8)))

    assert statuses == [201] * 3 + [413] * 5


def test_nothing_uploaded_cannot_be_completed(user: Person) -> None:
    user.declare()

    assert_problem(user.complete(), 409, "conflict")
    for path in ("content", "link"):
        assert_problem(user.call("GET", f"/v1/files/f1/{path}"), 409, "conflict")
    assert user.call("GET", "/v1/files/f1").json()["state"] == "pending"


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/plain", PDF),
        ("text/plain", b"<!DOCTYPE html><script>alert(1)</script>"),
        ("text/csv", b"  <svg onload=alert(1)>"),
        ("application/json", b"not json"),
        ("application/pdf", TEXT),
        ("application/octet-stream", PNG),
        ("application/octet-stream", b"<html><body>"),
    ],
)
def test_a_type_that_does_not_agree_is_refused(
    user: Person, content_type: str, content: bytes
) -> None:
    declared = user.declare(content, content_type=content_type)
    assert upload(declared.json()["upload"], content).status in (200, 204)

    assert_problem(user.complete(), 422, "invalid-input", "content_type")

    # What was refused is gone, and something better may come.
    assert user.served.stored_keys() == []
    assert_problem(user.complete(), 409, "conflict")
    assert user.call("GET", "/v1/files/f1").json()["state"] == "pending"


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b' {"a": 1}'),
        ("application/pdf", PDF),
        ("application/octet-stream", bytes(range(256)) * 4),
        ("text/csv", "\ufeffname;Größe\n".encode()),
        ("text/markdown", b"BM a title that begins like a bitmap\n"),
    ],
)
def test_a_type_that_agrees_is_stored(user: Person, content_type: str, content: bytes) -> None:
    assert user.add(content, content_type=content_type)["state"] == "stored"


def test_others_do_not_see_it(user: Person) -> None:
    user.add()
    other = Person(user.served)

    for method, path in (
        ("GET", "/v1/files/f1"),
        ("GET", "/v1/files/f1/content"),
        ("GET", "/v1/files/f1/link"),
        ("POST", "/v1/files/f1/complete"),
        ("DELETE", "/v1/files/f1"),
    ):
        assert_problem(other.call(method, path), 404, "not-found")
    assert other.call("GET", "/v1/files").json()["items"] == []
    assert other.declare(b"mine").status == 201
    assert send("GET", user.link()).body == TEXT


def test_a_deleted_file_is_gone_with_its_bytes(user: Person) -> None:
    user.add()
    link = user.link()

    stale = user.call("DELETE", "/v1/files/f1", If_Match='"1"')
    assert assert_problem(stale, 412, "precondition-failed")["current"]["rev"] == 2
    assert user.call("DELETE", "/v1/files/f1", If_Match='"2"').status == 204

    assert user.served.stored_keys() == []
    assert send("GET", link).status in GONE
    for method, path in (("GET", "f1"), ("GET", "f1/content"), ("DELETE", "f1")):
        assert user.call(method, f"/v1/files/{path}").status == 404
    assert user.call("GET", "/v1/files").json()["items"] == []


def test_a_deleted_id_comes_back_with_other_bytes(user: Person) -> None:
    user.add()
    old = user.link()
    user.call("DELETE", "/v1/files/f1")

    assert user.add(b"new", name="new.txt")["name"] == "new.txt"

    assert send("GET", old).status in GONE
    assert send("GET", user.link()).body == b"new"


def test_an_old_upload_link_does_not_reach_the_successor(user: Person) -> None:
    old = user.declare().json()["upload"]
    user.call("DELETE", "/v1/files/f1")
    user.declare(b"new")

    # A bucket takes them for the file that is gone.
    assert upload(old, TEXT).status == (404 if user.served.storage.links_end else 200)

    assert_problem(user.complete(), 409, "conflict")


def test_an_upload_link_cannot_change_a_stored_file(user: Person) -> None:
    request = user.declare().json()["upload"]
    upload(request, TEXT)
    user.complete()

    assert upload(request, TEXT.upper()).status == (409 if user.served.storage.links_end else 200)

    assert user.complete().status == 200
    assert send("GET", user.link()).body == TEXT


def test_the_list_comes_in_pages_and_by_purpose(user: Person) -> None:
    for number in range(3):
        user.declare(id=f"t{number}")
    user.declare(PNG, id="p", purpose="portrait", content_type="image/png")

    first = user.call("GET", "/v1/files?limit=3").json()
    second = user.call("GET", f"/v1/files?limit=3&after={first['next']}").json()
    assert [file["id"] for file in first["items"] + second["items"]] == ["p", "t0", "t1", "t2"]
    assert second["next"] is None
    portraits = user.call("GET", "/v1/files?purpose=portrait").json()["items"]
    assert [file["id"] for file in portraits] == ["p"]
    assert_problem(user.call("GET", "/v1/files?purpose=A"), 422, "invalid-input", "purpose")


def test_completing_goes_on_after_a_crash(user: Person) -> None:
    """The process died after it had proven the bytes and before it told the database."""
    request = user.declare().json()["upload"]
    upload(request, TEXT)
    with user.served.app.app_context():
        file, storage = user.row(), user.served.storage
        version = storage.open(file.upload_key).version
        storage.promote(file.upload_key, file.object_key, version)

    assert user.complete().status == 200
    assert send("GET", user.link()).body == TEXT
    assert len(user.served.stored_keys()) == 1


def test_two_completions_at_once_both_succeed(user: Person) -> None:
    request = user.declare().json()["upload"]
    upload(request, TEXT)
    barrier = Barrier(4)

    def complete(_number: int) -> Answer:
        barrier.wait(timeout=10)
        return user.complete()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(complete, range(4)))

    assert [answer.status for answer in answers] == [200] * 4
    assert {answer.json()["rev"] for answer in answers} == {2}
    assert send("GET", user.link()).body == TEXT


def test_a_file_replaced_while_it_is_completed_stays_pending(
    user: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(user.declare().json()["upload"], TEXT)
    promote = user.served.storage.promote

    def replace_after(source: str, target: str, version: str) -> None:
        promote(source, target, version)
        assert user.call("DELETE", "/v1/files/f1").status == 204
        assert user.declare(b"new").status == 201

    monkeypatch.setattr(user.served.storage, "promote", replace_after)

    assert_problem(user.complete(), 409, "conflict")
    shown = user.call("GET", "/v1/files/f1").json()
    assert (shown["state"], shown["size"]) == ("pending", 3)


def test_the_other_devices_learn_of_it(user: Person, owner_connection: psycopg.Connection) -> None:
    user.add()
    user.call("DELETE", "/v1/files/f1")

    rows = owner_connection.execute(
        "SELECT rev, deleted_at IS NOT NULL FROM user_files WHERE user_id = %s", [user.id]
    ).fetchall()
    counter = owner_connection.execute(
        "SELECT rev FROM sync_state WHERE user_id = %s", [user.id]
    ).fetchone()
    assert (rows, counter) == ([(3, True)], (3,))


def test_links_lead_to_the_storage(user: Person) -> None:
    user.add()
    request = user.declare(id="f2").json()["upload"]

    for url in (user.link(), request["url"]):
        assert user.token not in url
        assert urlsplit(url).query
