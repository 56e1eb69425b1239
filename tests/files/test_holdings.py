"""All files of one user, for the export and the deletion of an account."""

from uuid import UUID

import pytest

from app.database.session import act_as
from app.files.holdings import delete_objects, stored_files
from app.files.storage import ObjectMissing
from tests.files.conftest import PNG, TEXT, Person, upload


def test_the_stored_files_come_with_their_bytes(user: Person) -> None:
    user.add(id="a", name="same.txt")
    user.add(PNG, id="b", name="me.png", purpose="portrait", content_type="image/png")
    user.add(id="c")
    user.call("DELETE", "/v1/files/c")
    user.declare(id="d")
    Person(user.served).add(b"of another")

    with user.served.app.app_context():
        act_as(UUID(user.id))
        files = stored_files(UUID(user.id))
        contents = [b"".join(file.read()) for file in files]

    assert [(file.id, file.name, file.purpose, file.size) for file in files] == [
        ("a", "same.txt", "attachment", len(TEXT)),
        ("b", "me.png", "portrait", len(PNG)),
    ]
    assert contents == [TEXT, PNG]


def test_all_objects_of_one_user_are_removed(user: Person) -> None:
    other = Person(user.served)
    other.add(b"of another")
    user.add(id="a")
    upload(user.declare(id="b").json()["upload"], TEXT)

    with user.served.app.app_context():
        act_as(UUID(user.id))
        assert delete_objects(UUID(user.id)) == 2
        assert delete_objects(UUID(user.id)) == 0
        (lost,) = stored_files(UUID(user.id))
        with pytest.raises(ObjectMissing):
            lost.read()

    (left,) = user.served.stored_keys()
    assert other.id in left
