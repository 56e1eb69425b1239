"""`flask files clean`: what it removes, and what it leaves alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from app.files import cleaning
from app.files.keys import object_key, upload_key
from app.files.storage import Storage
from app.files.storage.local import LocalStorage
from tests.files.conftest import PNG, TEXT, Person, Served, send, upload

NOTHING = "Gave up 0 uploads; removed 0 objects of deleted files and 0 orphans, 0 bytes.\n"


@pytest.fixture
def a_day_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects and uploads made so far count as older than a day."""
    monkeypatch.setattr(cleaning, "GRACE", timedelta(days=-1))


def put(storage: Storage, key: str, content: bytes) -> None:
    """Write an object past the API."""
    if isinstance(storage, LocalStorage):
        storage.write(key, [content])
    else:
        storage.client.put_object(  # type: ignore[attr-defined]
            Bucket=storage.bucket,  # type: ignore[attr-defined]
            Key=storage.prefix + key,  # type: ignore[attr-defined]
            Body=content,
        )


def test_what_is_in_use_stays(user: Person, run: Callable[..., str], a_day_later: None) -> None:
    user.add()
    Person(user.served).add(b"of another")
    keys = user.served.stored_keys()

    assert run("files", "clean") == NOTHING

    assert user.served.stored_keys() == keys
    assert send("GET", user.link()).body == TEXT


def test_young_uploads_and_orphans_stay(user: Person, run: Callable[..., str]) -> None:
    upload(user.declare().json()["upload"], TEXT)
    put(user.served.storage, object_key(uuid4(), uuid4()), b"orphan")

    assert run("files", "clean") == NOTHING

    assert len(user.served.stored_keys()) == 2
    assert user.complete().status == 200


def test_an_upload_never_completed_is_given_up(
    user: Person, run: Callable[..., str], a_day_later: None
) -> None:
    upload(user.declare().json()["upload"], TEXT)

    assert run("files", "clean") == (
        f"Gave up 1 uploads; removed 1 objects of deleted files and 0 orphans, {len(TEXT)} bytes.\n"
    )

    assert user.served.stored_keys() == []
    assert user.call("GET", "/v1/files/f1").status == 404
    assert run("files", "clean") == NOTHING


def test_a_deleted_file_that_came_back_is_not_given_up(
    user: Person, run: Callable[..., str], owner_connection: psycopg.Connection
) -> None:
    user.declare()
    owner_connection.execute("UPDATE user_files SET deleted_at = now()")
    with owner_connection.transaction():
        owner_connection.execute("SET LOCAL session_replication_role = replica")
        owner_connection.execute("UPDATE user_files SET created_at = '2020-01-01'")
    user.declare()

    assert run("files", "clean") == NOTHING


def test_the_object_of_a_deleted_file_goes_at_once(
    user: Person, run: Callable[..., str], owner_connection: psycopg.Connection
) -> None:
    user.add()
    owner_connection.execute("UPDATE user_files SET deleted_at = now()")

    assert "removed 1 objects of deleted files and 0 orphans" in run("files", "clean")

    assert user.served.stored_keys() == []


def test_what_no_row_names_goes_after_a_day(
    user: Person, run: Callable[..., str], a_day_later: None
) -> None:
    kept = user.add()
    with user.served.app.app_context():
        file = user.row(kept["id"])
        put(user.served.storage, file.upload_key, TEXT)
    nobody = uuid4()
    put(user.served.storage, upload_key(nobody, uuid4()), b"an account that is gone")
    put(user.served.storage, object_key(nobody, uuid4()), b"an account that is gone")

    assert "and 3 orphans" in run("files", "clean")

    assert [key.split("/")[2] for key in user.served.stored_keys()] == ["files"]
    assert send("GET", user.link()).body == TEXT


def test_what_is_none_of_ours_stays(
    local: Served, s3_api: Served, local_files: object, a_day_later: None
) -> None:
    (local_files / "lost+found").mkdir(parents=True)  # type: ignore[operator]
    (local_files / "lost+found" / "x").write_text("of somebody else")  # type: ignore[operator]
    client = s3_api.storage.client  # type: ignore[attr-defined]
    other = {"Bucket": s3_api.storage.bucket, "Key": "production/readme"}  # type: ignore[attr-defined]
    client.put_object(**other, Body=b"of another environment")
    try:
        for api in (local, s3_api):
            assert api.app.test_cli_runner().invoke(args=["files", "clean"]).output == NOTHING
        assert (local_files / "lost+found" / "x").exists()  # type: ignore[operator]
        assert client.get_object(**other)["ContentLength"] == 22
    finally:
        (local_files / "lost+found" / "x").unlink()  # type: ignore[operator]
        (local_files / "lost+found").rmdir()  # type: ignore[operator]
        client.delete_object(**other)


def test_each_users_files_are_cleaned_apart(
    user: Person, run: Callable[..., str], owner_connection: psycopg.Connection
) -> None:
    other = Person(user.served)
    user.add()
    other.add(PNG, purpose="portrait", content_type="image/png")
    owner_connection.execute(
        "UPDATE user_files SET deleted_at = now() WHERE user_id = %s", [user.id]
    )

    run("files", "clean")

    (key,) = user.served.stored_keys()
    assert other.id in key
    assert send("GET", other.link()).body == PNG


def test_an_hour_is_no_day() -> None:
    assert timedelta(days=1) == cleaning.GRACE
    assert datetime.now(UTC) - cleaning.GRACE < datetime.now(UTC) - timedelta(hours=23)
