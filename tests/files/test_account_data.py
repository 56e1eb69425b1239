"""The files of a user in the export of the account, and after its removal."""

import io
import zipfile
from uuid import UUID

from tests.files.conftest import TEXT, Person, Served


def test_the_export_has_the_bytes_of_each_file(user: Person) -> None:
    user.add(TEXT)
    answer = user.call("GET", "/v1/accounts/export")
    archive = zipfile.ZipFile(io.BytesIO(answer.body))
    assert archive.read("files/f1") == TEXT
    assert b'"name"' in archive.read("user_files.json")


def test_a_removed_account_leaves_no_bytes(user: Person, served: Served) -> None:
    from app.files.account_data import remove_files

    user.add(TEXT)
    assert served.stored_keys()
    with served.app.app_context():
        remove_files(UUID(user.id))()
    assert served.stored_keys() == []
