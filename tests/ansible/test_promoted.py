"""What a member of a database cluster sends to the archive when it takes over."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "roles/patroni/files/fivebox-promoted"
HISTORY = "1\t0/50000A0\tno recovery target specified\n\n2\t{}\tno recovery target specified\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A server on timeline 3, which began in the middle of a segment."""
    notes = tmp_path / "pg_wal" / "archive_status"
    notes.mkdir(parents=True)
    (tmp_path / "pg_wal" / "00000003.history").write_text(HISTORY.format("1/60000A0"))
    for name in (f"{'1':0>8}{'0':0>8}00000004", f"{'2':0>8}{'1':0>8}00000005"):
        (tmp_path / "pg_wal" / name).touch()
        (notes / f"{name}.done").touch()
    (notes / "00000003.history.done").touch()
    return tmp_path


def become(data: Path, role: str) -> set[str]:
    """Run it as Patroni does; returns what is to be sent."""
    subprocess.run([sys.executable, PROGRAM, data, "on_role_change", role, "fivebox"], check=True)
    return {path.stem for path in data.glob("pg_wal/archive_status/*.ready")}


# Patroni 3 and 4.
@pytest.mark.parametrize("role", ["master", "primary"])
def test_all_segments_that_it_received_are_sent(data: Path, role: str) -> None:
    assert become(data, role) == {"000000010000000000000004", "000000020000000100000005"}


@pytest.mark.parametrize("role", ["replica", "demoted"])
def test_a_standby_sends_nothing(data: Path, role: str) -> None:
    assert become(data, role) == set()


@pytest.mark.parametrize(
    ("begins", "last"),
    [("1/7000000", "000000020000000100000006"), ("1/0", "0000000200000000000000FF")],
)
def test_a_segment_that_ends_where_the_timeline_begins_is_sent(
    data: Path, begins: str, last: str
) -> None:
    (data / "pg_wal" / "00000003.history").write_text(HISTORY.format(begins))
    assert last not in become(data, "primary")
    (data / "pg_wal" / last).touch()
    assert last in become(data, "primary")


def test_a_first_primary_has_no_history(data: Path) -> None:
    (data / "pg_wal" / "00000003.history").unlink()
    assert "000000010000000000000004" in become(data, "primary")


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param("000000010000000000000005", id="its timeline ends within it"),
        pytest.param("000000010000000000000006", id="its timeline ends before it"),
        pytest.param("000000020000000100000006", id="the newest timeline begins within it"),
    ],
)
def test_what_another_may_have_written_otherwise_is_not_sent(data: Path, segment: str) -> None:
    (data / "pg_wal" / segment).touch()
    (data / "pg_wal/archive_status" / f"{segment}.done").touch()
    assert segment not in become(data, "primary")
    assert (data / "pg_wal/archive_status" / f"{segment}.done").exists()


def test_what_is_of_no_ancestor_is_not_sent(data: Path) -> None:
    (data / "pg_wal" / "00000003.history").write_text(
        "1\t0/50000A0\tno recovery target specified\n"
    )
    assert become(data, "primary") == {"000000010000000000000004"}
