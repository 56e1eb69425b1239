"""The database is set back under the stock clients: they end with what it has."""

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
    backup.restore("keep")

    for each in (device, offline):
        if kind == "rxdb":
            each.call("startOver", "progress")
            each.call("startOver", "habits")
            assert 410 in each.call("statuses")
        else:
            each.sync()
            each.sync()
    (device.call("resync") if kind == "rxdb" else device.sync())

    assert device.rows().keys() == offline.rows().keys() == {"read", "kept", "made-offline"}
    assert device.rows() == offline.rows()
    assert device.rows("progress").keys() == offline.rows("progress").keys() == {day(4)["id"]}
    assert device.rows()["kept"]["name"] == habit(kind)["name"]
