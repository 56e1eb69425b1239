"""The files of a user in the export of the account, and after its removal."""

import io
import json
import zipfile
from uuid import UUID

from tests.files.conftest import TEXT, Person, Served


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
