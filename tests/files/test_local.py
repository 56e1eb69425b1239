"""The storage on the local disk: its signed links, its atomic writes, its downloads."""

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app.errors import Unavailable
from app.files.keys import object_key, parse_key, upload_key
from app.files.links import sign_link
from app.files.storage import CHUNK_BYTES, ObjectChanged, ObjectMissing
from app.files.storage.local import LocalStorage
from tests.files.conftest import PNG, TEXT, Person, Served, assert_problem, send, upload


@pytest.fixture
def user(local: Served) -> Person:
    return Person(local)


@pytest.fixture
def storage(local: Served, tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "files", local.url)


def changed(url: str, **changes: str) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return parts._replace(query=urlencode(query)).geturl()


def test_an_upload_of_another_size_or_content_is_refused_at_once(user: Person) -> None:
    request = user.declare().json()["upload"]

    assert_problem(upload(request, TEXT[:-1]), 422, "invalid-input", "size")
    assert_problem(upload(request, TEXT + b"!"), 422, "invalid-input", "size")
    assert_problem(upload(request, TEXT.upper()), 422, "invalid-input", "sha256")
    assert user.served.stored_keys() == []
    assert upload(request, TEXT).status == 204


def put_chunked(user: Person, request: dict[str, Any], body: io.RawIOBase | io.BytesIO) -> str:
    """Upload without a length, as gunicorn hands a chunked body over; the answer's status line."""
    builder = EnvironBuilder(path=request["url"], method="PUT", headers=request["headers"])
    environ = builder.get_environ()
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    environ["wsgi.input"] = body
    return run_wsgi_app(user.served.app, environ)[1]


def test_a_chunked_upload_is_read_as_far_as_declared(user: Person) -> None:
    request = user.declare().json()["upload"]

    assert put_chunked(user, request, _Endless(len(TEXT) + CHUNK_BYTES)).startswith("422")
    assert put_chunked(user, request, io.BytesIO(TEXT[:-1])).startswith("422")
    assert user.served.stored_keys() == []
    assert put_chunked(user, request, io.BytesIO(TEXT)).startswith("204")


class _Endless(io.RawIOBase):
    """A stream that has no end, and does not bear being read much further than declared."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def readinto(self, buffer: Any) -> int:
        self.left -= len(buffer)
        assert self.left >= 0, "read on and on"
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


def test_an_upload_must_come_as_the_link_says(user: Person) -> None:
    request = user.declare().json()["upload"]

    answer = send("PUT", request["url"], TEXT, {"Content-Type": "text/plain"})

    assert_problem(answer, 415, "unsupported-media-type")


def test_a_stored_file_takes_no_upload(user: Person) -> None:
    request = user.declare().json()["upload"]
    upload(request, TEXT)
    user.complete()

    assert_problem(upload(request, TEXT), 409, "conflict")


def test_an_upload_repeated_while_it_is_completed_is_told(
    user: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = user.declare().json()["upload"]
    upload(request, TEXT)
    promote = user.served.storage.promote

    def upload_before(source: str, target: str, version: str) -> None:
        assert upload(request, TEXT).status == 204
        promote(source, target, version)

    with monkeypatch.context() as patched:
        patched.setattr(user.served.storage, "promote", upload_before)
        assert_problem(user.complete(), 409, "conflict")
    assert user.complete().status == 200


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/complete")])
def test_an_upload_leaves_nothing_when_its_file_is_done_with_meanwhile(
    user: Person, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """Else links that outlive their files would fill the disk past any quota."""
    request = user.declare().json()["upload"]
    upload(request, TEXT)
    write = user.served.storage.write

    def end_before(key: str, chunks: Iterator[bytes]) -> None:
        assert user.call(method, f"/v1/files/f1{path}").status in (200, 204)
        write(key, chunks)

    with monkeypatch.context() as patched:
        patched.setattr(user.served.storage, "write", end_before)
        assert upload(request, TEXT).status in (404, 409)
    assert [key for key in user.served.stored_keys() if "/uploads/" in key] == []


def test_a_forged_link_opens_nothing(user: Person) -> None:
    user.add()
    download = user.link()
    request = user.declare(id="f2").json()["upload"]
    other = Person(user.served)
    other.add(b"secret")

    for url in (
        *(changed(download, signature=forged) for forged in ("0" * 64, "0" * 63, "", "é" * 64)),
        changed(download, expires=str(2**40)),
        changed(download, user=other.id),
        changed(download, object=str(uuid4())),
        download.replace("/f1/", "/f2/"),
        changed(request["url"]).replace("/content?", "/download?"),
    ):
        assert_problem(send("GET", url), 403, "forbidden")
    put = {"Content-Type": "application/octet-stream"}
    for url in (
        *(changed(request["url"], signature=forged) for forged in ("0" * 64, "0" * 63)),
        download.replace("/download?", "/content?"),
        request["url"].replace("/f2/", "/f1/"),
    ):
        assert_problem(send("PUT", url, TEXT, put), 403, "forbidden")
    for change in ({"user": "me"}, {"expires": "-1"}):
        assert_problem(send("GET", changed(download, **change)), 422, "invalid-input")


def test_an_expired_link_opens_nothing(user: Person) -> None:
    user.add()
    with user.served.app.app_context():
        ended = sign_link("GET", user.row(), -1).query
        valid = sign_link("GET", user.row(), 10).query

    url = f"{user.served.url}/v1/files/f1/download"
    assert b"expired" in send("GET", f"{url}?{ended}").body
    assert_problem(send("GET", f"{url}?{ended}"), 403, "forbidden")
    assert send("GET", f"{url}?{valid}").status == 200


def test_a_download_is_shut_off_from_this_origin(user: Person) -> None:
    user.add(PNG, purpose="portrait", content_type="image/png")

    answer = send("GET", user.link())

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    repeated = send("GET", user.link(), headers={"If-None-Match": answer.headers["ETag"]})
    assert repeated.status == 304


def test_a_part_that_is_not_there_is_told(user: Person) -> None:
    user.add()

    answer = send("GET", user.link(), headers={"Range": "bytes=9999-"})

    assert_problem(answer, 416, "range-not-satisfiable")


def test_lost_bytes_are_told(user: Person, local_files: Path) -> None:
    user.add()
    (key,) = user.served.stored_keys()
    (local_files / key).unlink()

    assert_problem(send("GET", user.link()), 404, "not-found")


def test_nginx_sends_the_file_when_told_so(user: Person, local_files: Path, make_app: Any) -> None:
    user.add(name="a.txt")
    (key,) = user.served.stored_keys()
    app = make_app(accel_prefix="/_files/", files_dir=local_files, public_url=user.served.url)

    answer = app.test_client().get(user.link().removeprefix(user.served.url))

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["X-Accel-Redirect"] == f"/_files/{key}"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")


def test_no_path_leads_out_of_the_folder(storage: LocalStorage) -> None:
    user, name = uuid4(), uuid4()
    for key in (
        "../../etc/passwd",
        "/etc/passwd",
        "",
        f"{upload_key(user, name)}/../../../../../etc/passwd",
        f"{user.hex[:2]}/../{user}/files/{name}",
        upload_key(user, name).upper(),
        upload_key(user, name) + "\n",
    ):
        with pytest.raises(ValueError, match="not the key"):
            storage.path(key)
    assert storage.path(object_key(user, name)).is_relative_to(storage.folder)


def test_an_object_appears_whole_or_not_at_all(storage: LocalStorage) -> None:
    user, name = uuid4(), uuid4()
    key = upload_key(user, name)
    seen: list[list[str]] = []

    def chunks() -> Iterator[bytes]:
        yield b"half"
        seen.append([found.key for found in storage.list()])
        raise RuntimeError("the client went away")

    with pytest.raises(RuntimeError):
        storage.write(key, chunks())

    ((part,),) = seen
    # What a kill leaves at this moment is an upload that no row names: the clean-up's.
    assert part != key
    parsed = parse_key(part)
    assert parsed is not None
    assert (parsed.user_id, parsed.unproven) == (user, True)
    assert list(storage.list()) == []


def test_an_upload_replaced_while_it_was_read_is_not_promoted(storage: LocalStorage) -> None:
    user, name = uuid4(), uuid4()
    source, target = upload_key(user, name), object_key(user, name)
    storage.write(source, [b"one"])
    first = storage.open(source)
    storage.write(source, [b"two"])

    with pytest.raises(ObjectChanged):
        storage.promote(source, target, first.version)

    assert b"".join(first.chunks) == b"one"
    assert [found.key for found in storage.list()] == [source]
    storage.promote(source, target, storage.open(source).version)
    storage.delete(source)
    storage.delete(source)
    assert b"".join(storage.open(target).chunks) == b"two"
    for act in (storage.open, lambda key: storage.promote(key, target, "1")):
        with pytest.raises(ObjectMissing):
            act(source)


def test_a_disk_that_fails_is_unavailable(storage: LocalStorage, tmp_path: Path) -> None:
    blocked = LocalStorage(tmp_path / "file", storage.public_url)
    (tmp_path / "file").write_text("where the folder should be")
    key = upload_key(uuid4(), uuid4())

    for act in (lambda: blocked.write(key, [b"x"]), lambda: blocked.open(key)):
        with pytest.raises(Unavailable):
            act()
    with pytest.raises(OSError, match="File exists"):
        blocked.check()


def test_health_names_a_storage_that_is_not_there(make_app: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where the folder should be")

    answer = make_app(files_dir=tmp_path / "file").test_client().get("/health")

    assert answer.status_code == 200
    assert answer.get_json()["checks"]["storage"]["status"] == "down"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_health_names_a_folder_that_cannot_be_written(storage: LocalStorage) -> None:
    storage.folder.mkdir()
    storage.folder.chmod(stat.S_IRUSR)
    with pytest.raises(PermissionError):
        storage.check()
