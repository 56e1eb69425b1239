"""The database is set back under the stock clients: they end with what it has."""

import pytest

from tests.clients.device import DeviceError
from tests.clients.rows import day, habit
from tests.database.restore import Backup


def test_devices_that_saw_what_is_gone_take_what_was_restored(
    kind, new_device, account, owner_connection, servers
):
    device, offline = new_device(), new_device()
    device.call("insert", "habits", [habit(kind), habit(kind, "kept")])
    device.call("insert", "progress", [day(4)])
    device.sync()
    offline.sync()
    backup = Backup(owner_connection, servers.superuser_url)
    device.call("remove", "habits", "read")
    device.call("patch", "habits", "kept", {"name": "Lost"})
    device.call("insert", "habits", [habit(kind, "lost")])
    device.sync()
    offline.sync()
    offline.call("insert", "habits", [habit(kind, "made-offline")])
    offline.call("patch", "habits", "kept", {"description": "Edited offline"})
    mine = [day(6, "kept"), day(6, "made-offline")]
    offline.call("insert", "progress", [day(4, "lost"), *mine, day(6, "lost")])
    backup.restore("keep")

    for each in (device, offline):
        if kind == "rxdb":
            each.call("startOver")
            assert 410 in each.call("statuses")
        else:
            each.sync()
            each.sync()
    for each in (offline, device):
        (each.call("resync") if kind == "rxdb" else each.sync())

    assert device.rows().keys() == offline.rows().keys() == {"read", "kept", "made-offline"}
    assert device.rows() == offline.rows()
    # The days of the lost habit are given up, and nothing else.
    days = {row["id"] for row in [day(4), *mine]}
    assert device.rows("progress").keys() == offline.rows("progress").keys() == days
    kept = device.rows()["kept"]
    assert (kept["name"], kept["description"]) == (habit(kind)["name"], "Edited offline")


@pytest.mark.parametrize("kind", ["rxdb"], indirect=True)
def test_beginning_with_the_children_ends_and_loses_nothing(
    kind, new_device, account, owner_connection, servers
):
    device = new_device(CLOCK_SPEED="10")
    device.call("insert", "habits", [habit(kind)])
    device.sync()
    backup = Backup(owner_connection, servers.superuser_url)
    device.call("insert", "habits", [habit(kind, "lost")])
    device.sync()
    days = [day(4), day(4, "lost")]
    device.call("insert", "progress", days)
    backup.restore("keep")

    with pytest.raises(DeviceError, match="did not go up"):
        device.call("startOver", ["progress", "habits"])

    assert device.rows("progress").keys() == {row["id"] for row in days}
    device.call("startOver")
    device.call("resync")
    assert device.rows().keys() == {"read"}
    assert device.rows("progress").keys() == {day(4)["id"]}
