"""What a restore stops is all that uses the database, or nothing."""

import shlex
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.ansible.cluster_command import program
from tests.ansible.plays import LOST, ROOT, run_play


def test_a_restore_stops_all_that_the_app_runs() -> None:
    wired = yaml.safe_load((ROOT / "playbooks/group_vars/all.yml").read_text())
    templar = Templar(DataLoader(), variables={"app_jobs_custom": [{"name": "reports"}]})
    patterns = templar.template(trust_as_template(wired["backup_users"]))
    assert isinstance(patterns, list)
    jobs = yaml.safe_load((ROOT / "roles/app/vars/main.yml").read_text())["__app_jobs"]
    units = [path.name[:-3] for path in (ROOT / "roles/app/templates").glob("fivebox-*.service.j2")]
    units += [f"fivebox-{job['name']}.{kind}" for job in jobs for kind in ("timer", "service")]
    units.append("fivebox-reports.timer")

    assert len(units) > 8
    for unit in units:
        assert any(fnmatch(unit, pattern) for pattern in patterns), unit


def _restore(folder: Path, gone: tuple[str, ...], strategy: str) -> tuple[int, str, list[str]]:
    """Run the play that restores, on hosts that are this machine.

    Args:
        folder: for all of it.
        gone: API hosts that do not answer.
        strategy: of Ansible.

    Returns:
        The exit status, what was said, and what was done.
    """
    done = folder / "done"
    done.touch()
    for name in ("fivebox-backup", "systemctl"):
        program(folder, name, f'echo "{name} $1" >> {shlex.quote(str(done))}')
    text = (ROOT / "playbooks/restore.yml").read_text()
    text = text.replace("/usr/local/sbin/fivebox-backup", f"{folder}/fivebox-backup")
    plays = [play for play in yaml.safe_load(text) if play["name"].startswith("(4/5)")]
    (folder / "play.yml").write_text(yaml.safe_dump([plays[0] | {"become": False}]))
    variables = {
        "backup_users": ["fivebox-api@*"],
        "__restore_to": "latest",
        "__restore_prepared": {"matched": 1},
    }
    api = {name: LOST if name in gone else {} for name in ("api1", "api2")}
    groups: dict[str, dict[str, dict[str, Any]]] = {"api": api, "database": {"db1": {}}}
    status, output = run_play(
        folder, "play.yml", groups=groups, variables=variables, strategy=strategy
    )
    return status, output, done.read_text().splitlines()


@pytest.mark.parametrize("strategy", ["linear", "mitogen_linear"])
@pytest.mark.parametrize("gone", [("api1",), ("api2",)])
def test_nothing_is_stopped_while_one_does_not_answer(
    tmp_path: Path, gone: tuple[str, ...], strategy: str
) -> None:
    status, output, done = _restore(tmp_path, gone, strategy)
    assert status
    assert f"{gone[0]} does not answer, and may use the database: nothing is stopped" in output
    assert done == ["fivebox-backup check"]


def test_it_is_restored_once_all_are_asked(tmp_path: Path) -> None:
    status, output, done = _restore(tmp_path, (), "mitogen_linear")
    assert not status, output
    asked = ["systemctl list-units"] * 2
    assert done == ["fivebox-backup check", *asked, "fivebox-backup restore"]
