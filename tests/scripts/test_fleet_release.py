"""An API host that is new, or was away during a deploy, gets the release of the others."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def answer(moment: int, good: str | None, release: str = "1.0") -> str:
    """What a host says: when it noted a good release, and what it serves."""
    return f"{moment}\n{json.dumps({'good': good, 'release': release})}"


def ask(answers: dict[str, str], hosts: list[str], dist: Path, named: str = "") -> tuple[int, str]:
    """Exit status and output of the program."""
    given = {"answers": answers, "hosts": hosts, "named": named, "dist": str(dist)}
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/fleet_release.py"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout.strip()


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A folder with the archives of two releases."""
    for version in ("1.0", "1.1"):
        (tmp_path / f"fivebox-{version}.tar.gz").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("answers", "hosts", "expected"),
    [
        # Nobody serves yet: the first release is the one built last.
        ({"api1": "", "api2": ""}, ["api1", "api2"], {}),
        # All have it, also while a deploy of another is under way.
        (
            {"api1": answer(5, "1.0", "1.1"), "api2": answer(5, "1.0")},
            ["api1", "api2"],
            {},
        ),
        # A new host; whether the others are of this run makes no difference.
        ({"api1": answer(5, "1.0"), "api2": ""}, ["api1", "api2"], {"api2": "1.0"}),
        ({"api1": answer(5, "1.0"), "api2": ""}, ["api2"], {"api2": "1.0"}),
        # One that was away, even if it is the first of the group.
        (
            {"api1": answer(5, "1.0"), "api2": answer(9, "1.1"), "api3": answer(9, "1.1")},
            ["api1", "api2", "api3"],
            {"api1": "1.1"},
        ),
        # After a rollback the older release is the fleet's.
        (
            {"api1": answer(9, "1.0"), "api2": answer(5, "1.1"), "api3": answer(9, "1.0")},
            ["api1", "api2", "api3"],
            {"api2": "1.0"},
        ),
        # Only hosts of this run are touched.
        (
            {"api1": answer(5, "1.0"), "api2": answer(9, "1.1"), "api3": answer(9, "1.1")},
            ["api2"],
            {},
        ),
        ({"api1": answer(5, "1.0"), "api2": answer(7, None)}, ["api2"], {"api2": "1.0"}),
    ],
)
def test_the_hosts_that_lack_the_release(
    dist: Path, answers: dict[str, str], hosts: list[str], expected: dict[str, str]
) -> None:
    status, output = ask(answers, hosts, dist)
    assert status == 0
    named = {host: str(dist / f"fivebox-{version}.tar.gz") for host, version in expected.items()}
    assert json.loads(output) == named


def test_an_archive_that_was_named_may_be_anywhere(dist: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    answers = {"api1": answer(5, "1.1"), "api2": ""}
    named = str(dist / "fivebox-1.1.tar.gz")
    status, output = ask(answers, ["api2"], elsewhere, named)
    assert (status, json.loads(output)) == (0, {"api2": named})


def test_a_host_that_served_elsewhere_brings_its_release_to_no_fleet(dist: Path) -> None:
    answers = {"api1": answer(5, "1.0"), "api2": answer(5, "1.0"), "api3": answer(9, "1.1")}
    hosts = list(answers)
    status, output = ask(answers, hosts, dist)
    assert status == 1
    assert "good with different releases (api1 with 1.0, api2 with 1.0, api3 with 1.1)" in output
    old = str(dist / "fivebox-1.0.tar.gz")
    status, output = ask(answers, hosts, dist, old)
    assert (status, json.loads(output)) == (0, {"api3": old})
    # Nor is it clear when there are as many of each.
    two = {name: answers[name] for name in ("api1", "api3")}
    assert ask(two, list(two), dist)[0] == 1
    # As after a deploy during which two were away.
    new = str(dist / "fivebox-1.1.tar.gz")
    status, output = ask(answers, hosts, dist, new)
    assert (status, json.loads(output)) == (0, {"api1": new, "api2": new})


def test_a_missing_archive_is_named_with_the_remedy(dist: Path) -> None:
    answers = {"api1": answer(5, "1.2"), "api2": "", "api3": ""}
    status, output = ask(answers, ["api1", "api2", "api3"], dist, str(dist / "fivebox-1.1.tar.gz"))
    assert status == 1
    assert output.startswith(
        "api2, api3: the fleet serves 1.2, and there is no dist/fivebox-1.2.tar.gz; copy it from"
    )
    assert "-e fivebox_release=$PWD/dist/fivebox-1.2.tar.gz" in output
