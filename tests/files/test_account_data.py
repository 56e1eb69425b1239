"""The files of a user in the export of the account, and after its removal."""

import io
import json
import zipfile
from collections.abc import Callable
from uuid import UUID

import psycopg

from tests.conftest import PASSWORD
from tests.files.conftest import TEXT, Person, Served, upload


def test_the_export_has_the_bytes_of_each_file(user: Person) -> None:
    user.add(TEXT)
    answer = user.call("GET", "/v1/accounts/export")
    archive = zipfile.ZipFile(io.BytesIO(answer.body))
    assert archive.read("files/f1") == TEXT
    assert b'"name"' in archive.read("user_files.json")


def test_a_file_whose_bytes_are_lost_is_named_and_the_others_are_there(
    user: Person, served: Served
) -> None:
    user.add(TEXT, id="lost", name="lost.txt")
    user.add(TEXT, id="sound")
    with served.app.app_context():
        served.storage.delete(user.row("lost").object_key)

    answer = user.call("GET", "/v1/accounts/export")

    archive = zipfile.ZipFile(io.BytesIO(answer.body))
    assert archive.testzip() is None
    assert {name for name in archive.namelist() if name.startswith("files/")} == {
        "files/sound",
        "files/missing.json",
    }
    assert archive.read("files/sound") == TEXT
    missing = json.loads(archive.read("files/missing.json"))
    assert missing == [{"id": "lost", "name": "lost.txt"}]


def test_a_removed_account_leaves_no_bytes(user: Person, served: Served) -> None:
    from app.files.account_data import remove_files

    user.add(TEXT)
    assert served.stored_keys()
    with served.app.app_context():
        remove_files(UUID(user.id))()
    assert served.stored_keys() == []


def test_an_account_that_asked_for_its_deletion_leaves_no_bytes(
    user: Person, run: Callable[..., str], owner_connection: psycopg.Connection
) -> None:
    """From the request to the last byte, also of an upload that nobody completed."""
    staying = Person(user.served)
    staying.add(TEXT)
    kept = user.served.stored_keys()
    user.add(TEXT)
    upload(user.declare(b"pending", id="f2").json()["upload"], b"pending")
    assert user.call("DELETE", "/v1/accounts/me", {"password": PASSWORD}).status == 202
    run("accounts", "purge")
    assert len(user.served.stored_keys()) == 3
    owner_connection.execute(
        "UPDATE users SET deletion_requested_at = deletion_requested_at - interval '15 days'"
    )

    run("accounts", "purge")

    assert user.served.stored_keys() == kept
    left = owner_connection.execute("SELECT FROM user_files WHERE user_id = %s", [user.id])
    assert left.fetchall() == []
