"""The runbooks are commands of one form, and a test of the lab runs each of them."""

import re

import pytest

from tests.lab.playbooks import ROOT
from tests.lab.runbooks import (
    ELSEWHERE,
    FOLDER,
    RUN_BY,
    Runbook,
    commands,
    filled,
    pages,
    placeholders,
)

PROGRAMS = (
    "amtool|ansible-playbook|ansible-vault|apt-get|certbot|curl|fivebox-backup|fivebox-cluster"
    "|journalctl|openssl|psql|redis-cli|ssh|sudo|systemctl"
)
RUN = {
    command.text
    for claimed in RUN_BY.values()
    for page, sections in claimed.items()
    for command in commands(page)
    if command.section in sections
}


@pytest.mark.parametrize("page", pages())
def test_a_test_runs_every_command(page: str) -> None:
    found = commands(page)
    assert found
    assert [command.text for command in found if command.text not in {*RUN, *ELSEWHERE}] == []


@pytest.mark.parametrize("page", pages())
def test_every_command_is_a_step(page: str) -> None:
    text = (FOLDER / f"{page}.md").read_text()
    assert [command.text for command in commands(page) if not command.section] == []
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", text, re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "\n## Over when\n" in text
    assert set(re.findall(r"^```(.+)$", text, re.M)) == {"sh"}
    # What stands in a sentence is run by no test; an option or a unit's name may.
    assert re.findall(rf"`(?:{PROGRAMS}) [^`]*`", text) == []


@pytest.mark.parametrize("page", pages())
def test_the_text_says_what_to_put_in(page: str) -> None:
    text = (FOLDER / f"{page}.md").read_text()
    for command in commands(page):
        for name in placeholders(command.text):
            assert f"`{name}`" in text[: text.index(command.text)], (command.text, name)


def test_the_list_has_every_page() -> None:
    links = re.findall(r"\]\(([a-z-]+)\.md\)", (FOLDER / "README.md").read_text())
    assert sorted(links) == pages()


@pytest.mark.parametrize("path", RUN_BY)
def test_a_test_has_the_pages_that_it_runs(path: str) -> None:
    text = (ROOT / path).read_text()
    for page, sections in RUN_BY[path].items():
        assert f'"{page}"' in text
        assert sections <= {command.section for command in commands(page)}, page


@pytest.mark.parametrize(("command", "path"), ELSEWHERE.items())
def test_a_play_is_run_where_it_is_said(command: str, path: str) -> None:
    name = re.search(r"playbooks/(\w+)\.yml", command)
    assert name
    assert f'"{name[1]}"' in (ROOT / path).read_text()


def test_a_test_that_leaves_a_section_out_fails() -> None:
    with (
        pytest.raises(AssertionError, match=r"lost-quorum\.md: sections {1, 2, .*} were not run"),
        Runbook("lost-quorum", str(ROOT / "tests/lab/cluster.py")),
    ):
        pass


def test_a_command_is_run_with_its_values_only() -> None:
    assert filled("stop UNIT; echo UNITS", {"UNIT": r"a\1"}) == r"stop a\1; echo UNITS"
    with pytest.raises(AssertionError, match=r"no value for {'UNIT'}"):
        filled("stop UNIT", {})
