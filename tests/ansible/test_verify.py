"""verify.yml and what the load tool answers, which is stood in for."""

import json
import re
from pathlib import Path

import pytest

from tests.ansible.plays import ROOT, run_play

# In place of the Python of the controller.
TOOL = """#!/bin/sh
case "$*" in
*scripts.verify*) echo "it is as it should be";;
*scripts.load*) echo '{told}'; echo '{errors}' >&2; exit {status};;
esac
"""
LIMITED = "api.example.com is not judged under load: the account was refused: asked too often"


def verify(folder: Path, status: int, told: str, errors: str = "") -> tuple[int, str]:
    """Run the play that uses the API, with a load tool that ends so."""
    plays = re.split(r"^(?=- name: )", (ROOT / "playbooks/verify.yml").read_text(), flags=re.M)
    (play,) = (play for play in plays if play.startswith("- name: (2/3)"))
    (folder / "playbooks").mkdir()
    (folder / "playbooks/verify.yml").write_text(play)
    tool = folder / "python"
    tool.write_text(TOOL.format(status=status, told=told, errors=errors))
    tool.chmod(0o755)
    variables = {
        "fivebox_domain": "api.example.com",
        "fivebox_verify_address": "",
        "fivebox_verify_ca": "",
        "fivebox_verify_rate": 10,
        "fivebox_verify_p95_ms": 500,
        "__verify_shown": {"stdout": json.dumps({"release": "1.0"})},
    }
    return run_play(
        folder / "playbooks",
        "verify.yml",
        *("-e", f"python={tool}"),
        groups={"api": {"box": {}}},
        variables=variables,
    )


@pytest.mark.parametrize(
    ("status", "told", "sound"),
    [
        (0, '{"p95_ms": 120.5}', True),
        (0, '{"p95_ms": 500.1}', False),
        (1, '{"p95_ms": 120.5, "failed": 1}', False),
        (1, "", False),
        (2, "", False),
    ],
)
def test_faults_and_durations_fail_it(tmp_path: Path, status: int, told: str, sound: bool) -> None:
    code, text = verify(tmp_path, status, told)
    assert (code == 0) is sound, text


def test_accounts_that_are_limited_are_told_and_do_not_fail_it(tmp_path: Path) -> None:
    code, text = verify(tmp_path, 75, "", LIMITED)
    assert code == 0, text
    assert text.count(LIMITED) == 1
    assert "it is as it should be" in text
