"""The database's disk is full: writes are refused in one clear answer, reads go on."""

from collections.abc import Iterator

import pytest

from tests.lab.conftest import Api
from tests.lab.full_disk import small_disk, write_until_refused
from tests.lab.hosts import Host


@pytest.fixture
def disk(host: Host) -> Iterator[str]:
    with small_disk(host) as folder:
        yield folder


def test_writes_are_refused_and_reads_go_on(host: Host, api: Api, token: str, disk: str) -> None:
    assert api.ask("GET", "/v1/habits?limit=1", None, token).status == 200
    host.ssh(f"dd if=/dev/zero of={disk}/filler bs=4k status=none", check=False)

    refused, written = write_until_refused(api, token, "full")

    assert refused.json()["type"].endswith(":insufficient-storage")
    assert api.ask("GET", "/v1/habits?limit=1", None, token).status == 200
    host.ssh(f"rm {disk}/filler")
    habit = {"id": "after-full", "name": "x", "start_date": "2026-01-01"}
    assert api.ask("POST", "/v1/habits", habit, token).status == 201
    for row_id in (*written, "after-full"):
        assert api.ask("GET", f"/v1/habits/{row_id}", None, token).status == 200, row_id
