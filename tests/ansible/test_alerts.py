"""What every alert promises: that it is tested, says what to do, and that its runbook knows it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "roles/prometheus/files/rules").glob("*.yml"))
TESTS = sorted((ROOT / "molecule/prometheus/rules").glob("*.yml"))

Rule = dict[str, Any]


def rules() -> list[Rule]:
    """All alerts."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def verdicts(alert: str) -> list[list[bool]]:
    """Of each test of an alert, whether it is expected to fire, in order of time."""
    cases = [case for path in TESTS for case in yaml.safe_load(path.read_text())["tests"]]
    found = []
    for case in cases:
        checks = [
            check
            for check in case["promql_expr_test"]
            if f'alertname="{alert}"' in check["expr"] and 'alertstate="firing"' in check["expr"]
        ]
        if checks:
            found.append([bool(check["exp_samples"]) for check in checks])
    return found


pytestmark = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])


def test_it_is_proven_to_fire_to_resolve_and_to_stay_quiet(rule: Rule) -> None:
    proven = verdicts(rule["alert"])
    if rule["labels"]["severity"] == "none":
        assert [True, True, True] in proven
        return
    assert [False, True, False] in proven
    assert [False] in proven


def test_it_says_how_bad_it_is_and_what_about(rule: Rule) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    assert rule["labels"]["topic"]


def test_it_says_what_it_is_and_what_may_have_caused_it(rule: Rule) -> None:
    assert {"summary", "cause", "runbook_url"} <= set(rule["annotations"])


def test_its_runbook_knows_it(rule: Rule) -> None:
    page = (ROOT / rule["annotations"]["runbook_url"]).read_text()
    assert f"`{rule['alert']}`" in page
    assert re.search(r"^```sh\n", page, re.M), "commands"
