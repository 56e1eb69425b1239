"""The page of releases shows what the playbooks print."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_sample_of_the_status_has_its_columns() -> None:
    (play,) = yaml.safe_load((ROOT / "playbooks/status.yml").read_text())
    table = play["tasks"][-1]["vars"]
    head = table["line"] % tuple(table["head"].split("|"))
    assert f"\n{head}\n" in (ROOT / "docs/releases.md").read_text()
