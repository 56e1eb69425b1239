"""What a member of a Redis cluster comes back with after a restart."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = (ROOT / "roles/redis/files/fivebox-redis-settings").read_text()
AGREED = """\
sentinel monitor fivebox 10.0.0.2 6379 2
sentinel myid 1111111111111111111111111111111111111111
sentinel config-epoch fivebox 7
sentinel known-replica fivebox 10.0.0.1 6379
sentinel known-replica fivebox 10.0.0.9 6379
sentinel known-sentinel fivebox 10.0.0.2 26379 2222222222222222222222222222222222222222
sentinel known-sentinel fivebox 10.0.0.9 26379 9999999999999999999999999999999999999999
sentinel current-epoch 7
"""


@pytest.fixture
def member(tmp_path: Path) -> Path:
    """The places of the script, in a folder."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "etc/members").write_text("10.0.0.1\n10.0.0.2\n10.0.0.3\n")
    (tmp_path / "etc/sentinel.begin").write_text("sentinel monitor fivebox 10.0.0.1 6379 2\n")
    (tmp_path / "etc/sentinel.conf").write_text("port 0\n")
    (tmp_path / "etc/redis.begin").write_text("")
    (tmp_path / "etc/redis.conf").write_text("port 0\n")
    return tmp_path


def restarted(member: Path, name: str) -> list[str]:
    """The settings that it starts with."""
    script = SCRIPT.replace("/etc/redis", f"{member}/etc").replace(
        "/var/lib/redis", f"{member}/run"
    )
    # There need be no user redis here.
    script = script.replace("chown redis:redis ", "test -s ")
    subprocess.run(["sh", "-c", script, "fivebox-redis-settings", name], check=True)
    return (member / f"run/{name}.conf").read_text().splitlines()


def test_the_first_time_it_begins_as_the_inventory_says(member: Path) -> None:
    assert restarted(member, "sentinel") == ["sentinel monitor fivebox 10.0.0.1 6379 2", "port 0"]


def test_it_keeps_what_the_members_agreed_on(member: Path) -> None:
    (member / "run/sentinel.conf").write_text(AGREED + "port 26379\n")
    told = restarted(member, "sentinel")
    assert told == [line for line in AGREED.splitlines() if "10.0.0.9" not in line] + ["port 0"]


def test_a_host_that_was_replaced_is_forgotten(member: Path) -> None:
    (member / "run/sentinel.conf").write_text(AGREED)
    assert not any("10.0.0.9" in line for line in restarted(member, "sentinel"))


@pytest.mark.parametrize(("members", "quorum"), [(3, 2), (4, 3), (5, 3)])
def test_as_many_agree_as_are_more_than_half_now(member: Path, members: int, quorum: int) -> None:
    (member / "run/sentinel.conf").write_text(AGREED)
    (member / "etc/members").write_text("".join(f"10.0.0.{n}\n" for n in range(1, members + 1)))
    assert f"sentinel monitor fivebox 10.0.0.2 6379 {quorum}" in restarted(member, "sentinel")


def test_a_replica_stays_one(member: Path) -> None:
    (member / "run/redis.conf").write_text("replicaof 10.0.0.2 6379\nport 6379\n")
    assert restarted(member, "redis") == ["replicaof 10.0.0.2 6379", "port 0"]
    (member / "run/redis.conf").write_text("port 6379\n")
    assert restarted(member, "redis") == ["port 0"]
