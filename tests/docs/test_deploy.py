"""What docs/deploy.md quotes of the checks is what they print."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/deploy.md").read_text()
TABLE = PAGE.partition("| line begins with |")[2].partition("\n\n")[0]
CHECKS = "\n".join(
    path.read_text()
    for path in (*(ROOT / "scripts").glob("check_*.py"), *(ROOT / "playbooks/tasks").glob("*.yml"))
)


@pytest.mark.parametrize("line", re.findall(r"^\| `(.+?)` \|", TABLE, re.MULTILINE))
def test_a_quoted_line_is_printed(line: str) -> None:
    # What stands for a value is something else in the source.
    assert [part for part in line.split("…") if part not in CHECKS] == []
