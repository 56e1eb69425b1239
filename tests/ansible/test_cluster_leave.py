"""`fivebox-cluster leave`: a member goes, and only where enough others stay."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ansible.cluster_command import program, rows, run

FOUR = rows(
    ("Replica", "streaming"),
    ("Leader", "running"),
    ("Sync Standby", "streaming"),
    ("Replica", "streaming"),
)
LISTED = [{"ID": 0xA0 + n, "name": f"db{n}"} for n in range(4)]
LIST = "https://10.0.0.2:2379 member list --write-out=json"


def _leave(folder: Path, name: str, members: int = 4) -> "subprocess.CompletedProcess[str]":
    """Run the command on db0; its programs note in `called` what was asked of them.

    Args:
        folder: for the programs.
        name: whom the command names.
        members: that there are.
    """
    certificate = dict.fromkeys(("cert", "key", "cacert"), "/dev/null")
    settings = {
        "name": "db0",
        "restapi": {"connect_address": "10.0.0.1:8008"},
        "etcd3": {"hosts": ["10.0.0.1:2379", "10.0.0.2:2379"], **certificate},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    program(folder, "patronictl", f"echo '{json.dumps(FOUR[:members])}'")
    # One was added and never began.
    listed = json.dumps({"members": [*LISTED[:members], {"ID": 2}]})
    active = f"test -e {folder}/patroni"
    called = f'echo "systemctl $*" >> {folder}/called'
    program(folder, "systemctl", f'case "$*" in *is-active*) {active};; *) {called};; esac')
    program(
        folder,
        "etcdctl",
        f'echo "$ETCDCTL_ENDPOINTS $*" >> {folder}/called; '
        f"case $2 in list) echo '{listed}';; esac",
    )
    instead = {
        "/etc/patroni/config.yml": str(folder / "config.yml"),
        "/var/lib/etcd/default": str(folder / "etcd"),
    }
    return run(folder, "leave", name, instead=instead)


def _called(folder: Path) -> list[str]:
    path = folder / "called"
    return path.read_text().splitlines() if path.exists() else []


def test_the_others_are_told_before_its_etcd_stops(tmp_path: Path) -> None:
    (tmp_path / "etcd/member").mkdir(parents=True)
    (tmp_path / "patroni").touch()
    done = _leave(tmp_path, "db0")
    assert done.returncode == 0, done.stderr
    assert "db0 has left" in done.stdout
    assert _called(tmp_path) == [
        LIST,
        "systemctl disable --now patroni",
        "https://10.0.0.2:2379 member remove a0",
        "systemctl disable --now etcd",
    ]
    assert not (tmp_path / "etcd").exists()


@pytest.mark.parametrize(
    ("name", "members", "told"),
    [
        ("db1", 4, "This host is db0, not db1: nothing is changed"),
        ("db0", 3, "3 members must stay, not only db1, db2: nothing is changed"),
    ],
)
def test_it_is_refused(tmp_path: Path, name: str, members: int, told: str) -> None:
    (tmp_path / "patroni").touch()
    done = _leave(tmp_path, name, members)
    assert done.returncode
    assert told in done.stderr
    assert set(_called(tmp_path)) <= {LIST}


def test_who_was_interrupted_goes_on(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    done = _leave(tmp_path, "db0")
    assert done.returncode == 0, done.stderr
    assert _called(tmp_path)[-2:] == [
        "https://10.0.0.2:2379 member remove a0",
        "systemctl disable --now etcd",
    ]


def test_who_has_left_has_nothing_to_do(tmp_path: Path) -> None:
    done = _leave(tmp_path, "db0")
    assert done.returncode == 0, done.stderr
    assert "db0 is no member any more" in done.stdout
    assert _called(tmp_path) == []
