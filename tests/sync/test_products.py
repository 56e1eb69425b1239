"""Every synced table of every product, with the product's example rows, through both adapters."""

from collections.abc import Callable

import pytest
from apiflask import APIFlask

from app.products import parts
from tests.conftest import Account
from tests.sync.conftest import Rxdb, Watermelon


@pytest.fixture
def account(fill: Callable[[Account], None], register: Callable[..., Account]) -> Account:
    """A user with the example rows."""
    owner = register()
    fill(owner)
    return owner


@pytest.fixture
def names(app: APIFlask) -> list[str]:
    return list(app.extensions["sync"])


def test_every_product_syncs(app: APIFlask) -> None:
    served = app.extensions["settings"].products
    assert list(parts(served, "sync")) == list(served)


def test_rxdb_gets_rows_that_it_can_give_back(account: Account, names: list[str]) -> None:
    device = Rxdb(account)
    found = {name: Rxdb(account).documents(name) for name in names}
    assert all(found.values())

    for name, documents in found.items():
        # The first time with what the server adds, and once more: nothing is new.
        device.store(name, *((document, document) for document in documents.values()))
        assert Rxdb(account).documents(name) == documents


def test_rxdb_can_delete_all_of_it(account: Account, names: list[str]) -> None:
    device = Rxdb(account)
    # Children first, so that each deletion is the client's own.
    for name in reversed(names):
        documents = Rxdb(account).documents(name)
        gone = [({**document, "_deleted": True}, document) for document in documents.values()]
        device.store(name, *gone)
        after = Rxdb(account).documents(name)
        assert after.keys() == documents.keys()
        assert all(document["_deleted"] for document in after.values())


def test_watermelondb_gets_raw_records_that_it_can_give_back(
    account: Account, names: list[str]
) -> None:
    device = Watermelon(account)
    changes = device.changes()
    assert list(changes) == names
    before = device.last_pulled_at

    for table in changes.values():
        assert table["updated"]
        for row in table["updated"]:
            # A column of WatermelonDB is a text, a number or a boolean.
            assert all(isinstance(v, str | int | float | None) for v in row.values()), row
    answer = device.push(changes)
    assert answer.status_code == 204, answer.text
    assert device.changes() == {
        name: {"created": [], "updated": [], "deleted": []} for name in names
    }
    assert device.last_pulled_at == before


def test_watermelondb_can_delete_all_of_it(account: Account) -> None:
    device, other = Watermelon(account), Watermelon(account)
    changes, _ = device.changes(), other.changes()
    gone = {
        name: {"created": [], "updated": [], "deleted": [row["id"] for row in table["updated"]]}
        for name, table in changes.items()
    }

    answer = device.push(gone)

    assert answer.status_code == 204, answer.text
    for name, table in other.changes().items():
        assert sorted(table["deleted"]) == sorted(gone[name]["deleted"])


def test_a_product_with_one_table_syncs_alone(
    make_app: Callable[..., APIFlask], account: Account
) -> None:
    account.client = make_app(products=("timers",)).test_client()

    changes = Watermelon(account).changes()

    assert list(changes) == ["timers"]
    assert len(changes["timers"]["updated"]) == len(Rxdb(account).documents("timers"))
