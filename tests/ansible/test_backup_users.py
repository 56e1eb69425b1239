"""What a restore stops is all that uses the database."""

from fnmatch import fnmatch
from pathlib import Path

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]


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
