"""Print tests for `promtool test rules`: `python -m tests.ansible.rules [path of the rules]`.

On a normal day of one host and of a fleet no alert fires. On an evening of the same figures, on
which everything is wrong, every alert does: so none is silent because its figures are not there.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from tests.ansible.rules.day import FLEET, SINGLE, Day
from tests.ansible.rules.faults import (
    FAULTS,
    FAULTS_OF_FLEETS,
    LATER,
    MINUTES,
    OF_FLEETS,
    OF_SMALL_HOSTS,
    Fault,
)

FILES = Path(__file__).resolve().parents[3] / "roles/prometheus/files/rules"
ON_A_HOST = "/etc/prometheus/fivebox-rules.yml"
FIRING = 'ALERTS{alertstate="firing", alertname!="Watchdog"}'


def unit_tests(*rules: str) -> dict[str, Any]:
    """The tests as promtool reads them.

    Args:
        rules: paths of the rules.
    """
    cases = [
        _normal_day("one host", SINGLE),
        _normal_day("a fleet", FLEET),
        _evening("one host", SINGLE, FAULTS, alerts() - LATER - OF_FLEETS),
        _evening("a fleet", FLEET, FAULTS_OF_FLEETS, alerts() - LATER - OF_SMALL_HOSTS),
    ]
    return {"rule_files": list(rules), "evaluation_interval": "1m", "tests": cases}


def alerts() -> set[str]:
    """The names of all alerts that tell of a fault."""
    files = [yaml.safe_load(path.read_text()) for path in FILES.glob("*.yml")]
    groups = [group for file in files for group in file["groups"]]
    names = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    return names - {"Watchdog"}


def _normal_day(whose: str, groups: dict[str, list[str]]) -> dict[str, Any]:
    fired = f"count by (alertname, host) (count_over_time({FIRING}[24h]))"
    return _case(f"A normal day of {whose} fires nothing", Day(groups), "24h", fired, [])


def _evening(
    whose: str, groups: dict[str, list[str]], faults: list[Fault], names: set[str]
) -> dict[str, Any]:
    day = Day(groups, MINUTES)
    for fault in faults:
        fault.change(day)
    fire = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)]
    name = f"An evening of {whose} with every fault fires everything"
    return _case(name, day, f"{MINUTES - 1}m", f"max by (alertname) ({FIRING})", fire)


def _case(name: str, day: Day, at: str, asked: str, told: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [series.text() for series in day.series],
        "promql_expr_test": [{"expr": asked, "eval_time": at, "exp_samples": told}],
    }


if __name__ == "__main__":
    wanted = unit_tests(*(sys.argv[1:] or [ON_A_HOST]))
    print(yaml.dump(wanted, Dumper=yaml.CSafeDumper, width=10**6))
