"""The figures of a normal day are such as the alerts look at; `promtool` has the last word.

`make molecule ROLE=prometheus` runs the tests that are made of them.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ansible.rules.__main__ import FILES, unit_tests
from tests.ansible.rules.day import DAY_MINUTES, FLEET, SINGLE, Day, load
from tests.ansible.rules.faults import FAULTS, FAULTS_OF_FLEETS, MINUTES, Fault
from tests.ansible.rules.series import Series, counter


def test_series_are_written_as_promtool_reads_them() -> None:
    values = [5, 5, 5, 7, 9, None, None, None, 2]
    text = Series("up", {"job": "node", "host": "box"}, values).text()
    assert text["series"] == 'up{job="node",host="box"}'
    assert text["values"] == "5+0x2 7+2x1 stale _x2 2"


def test_a_counter_of_a_process_begins_and_ends_with_it() -> None:
    assert counter(5, lambda _: 2, begin=10, lives=range(1, 4)) == [None, 12, 14, 16, None]


def test_the_evening_is_busy_and_the_night_is_not() -> None:
    by_minute = [load(at) for at in range(DAY_MINUTES)]
    assert max(by_minute[:360]) == max(by_minute)
    # So few that a share of them says nothing: the alerts ask for 20 in five minutes.
    assert 0 < 5 * min(by_minute) < 20


@pytest.mark.parametrize(
    ("groups", "faults"), [(SINGLE, FAULTS), (FLEET, FAULTS_OF_FLEETS)], ids=["single", "fleet"]
)
def test_no_fault_is_without_figures(groups: dict[str, list[str]], faults: list[Fault]) -> None:
    day = Day(groups, MINUTES)
    assert [fault for fault in faults if not fault.change(day)] == []


def test_nothing_fires_on_a_normal_day_and_everything_when_all_is_wrong(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    made = tmp_path / "tests.yml"
    made.write_text(yaml.dump(unit_tests(*map(str, FILES.glob("*.yml"))), Dumper=yaml.CSafeDumper))
    command = [promtool, "test", "rules", made]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
