"""The operator's other playbooks on the deployed host."""

import json

import pytest

from tests.lab.conftest import Api
from tests.lab.hosts import Host
from tests.lab.playbooks import Operator
from tests.lab.receivers import arrived, counts

# The third words of the table's lines.
SLOT_COLUMN = (["slot"], ["blue"], ["green"])


@pytest.fixture
def operator(host: Host) -> Operator:
    return Operator.find(host)


def test_the_status_is_a_table(host: Host, operator: Operator) -> None:
    played = operator.play("status")
    assert not played.failed, played.output
    serving = json.loads(host.ssh("/usr/local/sbin/fivebox slot show").stdout)
    head, row = (
        line.split() for line in played.output.splitlines() if line.split()[2:3] in SLOT_COLUMN
    )
    assert head[:4] == ["host", "release", "slot", "health"]
    assert row[:4] == [host.name, serving["release"], serving["slot"], "healthy"]


def test_a_sound_api_is_verified_and_a_test_alert_arrives(operator: Operator) -> None:
    begun = counts()
    played = operator.play("verify")
    assert not played.failed, played.output
    assert not played.told
    assert "is as it should be" in played.output
    assert "a test alert went out by email slack" in played.output
    assert arrived(begun, "TEST", "TestAlert")


def test_what_is_wrong_is_told(host: Host, operator: Operator) -> None:
    host.ssh("systemctl stop redis-server")
    try:
        played = operator.play("verify")
    finally:
        host.ssh("systemctl start redis-server")
    assert played.failed
    assert "/health: cache is down" in " ".join(played.output.split())


def test_maintenance_begins_and_ends(api: Api, operator: Operator) -> None:
    begun = operator.play("maintenance", "-e", "on=true")
    try:
        assert not begun.failed, begun.output
        refused = api.ask("GET", "/openapi.json")
        assert refused.status == 503
        assert "retry-after" in refused.headers
        assert api.ask("GET", "/health").status == 200
        assert not operator.play("maintenance", "-e", "on=true").changed
    finally:
        ended = operator.play("maintenance", "-e", "on=false")
    assert not ended.failed, ended.output
    assert api.ask("GET", "/openapi.json").status == 200


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("-e", "host=box"), "box is the last host of the group edge"),
        (("-e", "host=nobody"), "-e host=NAME; nobody is none"),
        ((), "name one host of the inventory"),
    ],
)
def test_a_host_that_is_needed_stays(
    api: Api, operator: Operator, options: tuple[str, ...], line: str
) -> None:
    played = operator.play("remove_host", *options)
    assert played.failed
    assert line in " ".join(played.output.split())
    assert "Stop what serves" not in played.output
    assert api.ask("GET", "/health").status == 200


def test_a_rollback_to_what_is_not_there_changes_nothing(host: Host, operator: Operator) -> None:
    before = host.ssh("/usr/local/sbin/fivebox slot show").stdout
    played = operator.play("rollback", "-e", "release=9.9.9")
    assert played.failed
    assert "cannot go to 9.9.9" in " ".join(played.output.split())
    assert host.ssh("/usr/local/sbin/fivebox slot show").stdout == before
    assert host.ssh("/usr/local/sbin/fivebox lock show").stdout == "free\n"
