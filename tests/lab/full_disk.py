"""A database whose disk is full, made on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.conftest import Answer, Api
from tests.lab.hosts import Host

FOLDER = "/mnt/small"
PSQL = "runuser -u postgres -- psql --no-psqlrc -v ON_ERROR_STOP=1 -d fivebox -c"
ATTEMPTS = 200


@contextmanager
def small_disk(host: Host) -> Iterator[str]:
    """A folder on a disk of 16 MiB that holds the table of habits."""
    host.ssh(
        f"mkdir -p {FOLDER} && mount -t tmpfs -o size=16m none {FOLDER} && "
        f"mkdir {FOLDER}/data && chown postgres {FOLDER}/data"
    )
    host.ssh(f"cd / && {PSQL} \"CREATE TABLESPACE small LOCATION '{FOLDER}/data'\"")
    host.ssh(f"cd / && {PSQL} 'ALTER TABLE user_habits SET TABLESPACE small'")
    try:
        yield FOLDER
    finally:
        host.ssh(f"rm -f {FOLDER}/filler")
        host.ssh(f"cd / && {PSQL} 'ALTER TABLE user_habits SET TABLESPACE pg_default'")
        host.ssh(f"cd / && {PSQL} 'DROP TABLESPACE small'")
        # Neither a crash nor a restore later must replay the making of a table space that has no
        # disk any more.
        host.ssh(f"cd / && {PSQL} CHECKPOINT")
        host.ssh("systemctl start fivebox-backup")
        # The API's connections still hold files open there.
        host.ssh(f"umount --lazy {FOLDER}")


def write_until_refused(api: Api, token: str, prefix: str) -> tuple[Answer, list[str]]:
    """Write habits until the API refuses one because of the disk.

    Args:
        api: that is asked.
        token: of the user.
        prefix: begins the habits' ids.

    Returns:
        the refusal, and the ids of those that were written.

    Raises:
        AssertionError: none was refused, or for another reason.
    """
    written: list[str] = []
    for number in range(ATTEMPTS):
        habit = {"id": f"{prefix}-{number}", "name": "x" * 200, "start_date": "2026-01-01"}
        answer = api.ask("POST", "/v1/habits", {**habit, "description": "y" * 2000}, token)
        if answer.status == 507:
            return answer, written
        assert answer.status == 201, answer.body
        written.append(habit["id"])
    raise AssertionError("no write was refused")
