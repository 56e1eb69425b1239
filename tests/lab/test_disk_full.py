"""The database's disk is full: writes are refused in one clear answer, reads go on."""

from collections.abc import Iterator

import pytest

from tests.lab.conftest import Api
from tests.lab.hosts import Host

PSQL = "runuser -u postgres -- psql --no-psqlrc -v ON_ERROR_STOP=1 -d fivebox -c"


@pytest.fixture
def small_disk(host: Host) -> Iterator[str]:
    """A folder on a disk of 16 MiB that holds the table of habits."""
    folder = "/mnt/small"
    host.ssh(
        f"mkdir -p {folder} && mount -t tmpfs -o size=16m none {folder} && "
        f"mkdir {folder}/data && chown postgres {folder}/data"
    )
    host.ssh(f"cd / && {PSQL} \"CREATE TABLESPACE small LOCATION '{folder}/data'\"")
    host.ssh(f"cd / && {PSQL} 'ALTER TABLE user_habits SET TABLESPACE small'")
    yield folder
    host.ssh(f"rm -f {folder}/filler")
    host.ssh(f"cd / && {PSQL} 'ALTER TABLE user_habits SET TABLESPACE pg_default'")
    host.ssh(f"cd / && {PSQL} 'DROP TABLESPACE small'")
    # A crash later must not replay the making of a table space that has no disk any more.
    host.ssh(f"cd / && {PSQL} CHECKPOINT")
    # The API's connections still hold files open there.
    host.ssh(f"umount --lazy {folder}")


def test_writes_are_refused_and_reads_go_on(
    host: Host, api: Api, token: str, small_disk: str
) -> None:
    assert api.ask("GET", "/v1/habits?limit=1", None, token).status == 200
    host.ssh(f"dd if=/dev/zero of={small_disk}/filler bs=4k status=none", check=False)

    refused, written = None, []
    for number in range(200):
        habit = {"id": f"full-{number}", "name": "x" * 200, "start_date": "2026-01-01"}
        answer = api.ask("POST", "/v1/habits", {**habit, "description": "y" * 2000}, token)
        if answer.status == 507:
            refused = answer
            break
        assert answer.status == 201, answer.body
        written.append(habit["id"])

    assert refused is not None
    assert refused.json()["type"].endswith(":insufficient-storage")
    assert api.ask("GET", "/v1/habits?limit=1", None, token).status == 200
    host.ssh(f"rm {small_disk}/filler")
    habit = {"id": "after-full", "name": "x", "start_date": "2026-01-01"}
    assert api.ask("POST", "/v1/habits", habit, token).status == 201
    for row_id in (*written, "after-full"):
        assert api.ask("GET", f"/v1/habits/{row_id}", None, token).status == 200, row_id
