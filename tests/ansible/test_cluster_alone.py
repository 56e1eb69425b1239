"""`fivebox-cluster alone`: the last host goes on, and only when the others are gone."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ansible.cluster_command import program, rows, run

# Neither accepts nor refuses a connection.
GONE = "255.255.255.255"
THERE = "127.0.0.1"


def _alone(
    folder: Path,
    *words: str,
    quorum: list[bool],
    roles: tuple[str, ...],
    other: str = GONE,
    others: tuple[str, ...] = (),
) -> "subprocess.CompletedProcess[str]":
    """Run the command on db0; its programs note in `called` what was asked of them.

    Args:
        folder: for the programs.
        words: of the command line.
        quorum: what etcd says in turn.
        roles: of db0, the last after a failover.
        other: address of the other member.
        others: roles of the members that Patroni shows besides.
    """
    settings = {
        "name": "db0",
        "restapi": {"connect_address": "127.0.0.9:8008"},
        "etcd3": {"hosts": ["127.0.0.9:2379", f"{other}:2379"]},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    for number, role in enumerate(roles):
        (folder / f"rows{number}").write_text(
            json.dumps(rows(*((of, "running") for of in (role, *others))))
        )
    listed = f"cat {folder}/rows0"
    failover = f"echo $* >> {folder}/called; cp {folder}/rows{len(roles) - 1} {folder}/rows0"
    program(folder, "patronictl", f'case "$3" in list) {listed};; *) {failover};; esac')
    program(folder, "systemctl", f"echo $* $(ls {folder}/run) >> {folder}/called")
    instead = {
        "/etc/patroni/config.yml": str(folder / "config.yml"),
        "/run/systemd/system/etcd.service.d": str(folder / "run"),
        "ETCD_SECONDS = 60": "ETCD_SECONDS = 0.2",
        "LEADER_SECONDS = 120": "LEADER_SECONDS = 0.2",
    }
    (folder / "run").mkdir()
    return run(folder, "alone", *words, quorum=quorum, instead=instead)


def _called(folder: Path) -> list[str]:
    path = folder / "called"
    return path.read_text().splitlines() if path.exists() else []


def test_it_leads_when_etcd_has_forgotten_the_others(tmp_path: Path) -> None:
    done = _alone(tmp_path, "db0", quorum=[False, True], roles=("Leader",))
    assert done.returncode == 0, done.stderr
    assert "db0 is the primary" in done.stdout
    # The setting is there when etcd starts, and not at its next start.
    assert _called(tmp_path) == [
        "daemon-reload alone.conf",
        "restart etcd alone.conf",
        "daemon-reload",
    ]


@pytest.mark.parametrize(
    ("name", "other", "told"),
    [
        ("db1", GONE, "This host is db0, not db1"),
        ("db0", THERE, "127.0.0.1 answers, so it is not gone for good"),
    ],
)
def test_it_is_refused(tmp_path: Path, name: str, other: str, told: str) -> None:
    done = _alone(tmp_path, name, other=other, quorum=[False], roles=("Leader",))
    assert done.returncode
    assert told in done.stderr
    assert _called(tmp_path) == []


def test_it_is_refused_while_others_are_there(tmp_path: Path) -> None:
    done = _alone(tmp_path, "db0", quorum=[True], roles=("Leader",), others=("Replica",))
    assert "etcd has its quorum" in done.stderr
    assert _called(tmp_path) == []


def test_run_again_it_finds_itself_alone(tmp_path: Path) -> None:
    done = _alone(tmp_path, "db0", quorum=[True], roles=("Leader",))
    assert done.returncode == 0, done.stderr
    assert _called(tmp_path) == []


def test_who_may_lack_something_asks(tmp_path: Path) -> None:
    done = _alone(tmp_path, "db0", quorum=[False, True], roles=("Replica", "Leader"))
    assert "it may lack what was written last" in done.stderr
    assert "fivebox-cluster alone db0 --lossy" in done.stderr
    assert not [call for call in _called(tmp_path) if "failover" in call]


def test_who_may_lack_something_leads_when_told_to(tmp_path: Path) -> None:
    done = _alone(tmp_path, "db0", "--lossy", quorum=[False, True], roles=("Replica", "Leader"))
    assert done.returncode == 0, done.stderr
    failover = f"-c {tmp_path}/config.yml failover fivebox --candidate db0 --force"
    assert failover in _called(tmp_path)


def test_an_etcd_that_does_not_begin_is_told(tmp_path: Path) -> None:
    done = _alone(tmp_path, "db0", quorum=[False], roles=("Leader",))
    assert "etcd does not begin alone" in done.stderr
    assert _called(tmp_path)[-1] == "daemon-reload"
