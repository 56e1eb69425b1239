"""The dashboards for Grafana: current, complete, laid out, with queries that Prometheus takes."""

import json
import shutil
import subprocess

import pytest
import yaml

from scripts.grafana_dashboards import DASHBOARDS, PANELS, TARGET, UNITS, render

PAGE = json.loads(PANELS.read_text())
ALL_PANELS = [panel for section in PAGE["sections"] for panel in section["panels"]]


@pytest.fixture(params=sorted(f"{name}.json" for name in DASHBOARDS))
def dashboard(request):
    return json.loads((TARGET / request.param).read_text())


def test_the_files_are_current():
    written = {path.name: path.read_text() for path in TARGET.glob("*.json")}
    assert written == render(), "run: python -m scripts.grafana_dashboards"


def test_every_panel_of_the_page_is_in_one():
    shown = [panel for _, sections in DASHBOARDS.values() for panel in sections]
    assert sorted(shown) == sorted(section["title"] for section in PAGE["sections"])


def test_panels_have_an_id_of_their_own_and_a_known_unit():
    ids = [panel["id"] for panel in ALL_PANELS]
    assert len(set(ids)) == len(ids)
    assert {panel["unit"] for panel in ALL_PANELS} <= set(UNITS)
    assert {tile["panel"] for tile in PAGE["tiles"]} <= set(ids)


def test_panels_do_not_overlap(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_target_asks_the_chosen_data_source(dashboard):
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource"]
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert targets
    for target in [*targets, *dashboard["annotations"]["list"]]:
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert "$window" not in target["expr"]


def test_prometheus_takes_every_query(tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    queries = [query["expr"] for panel in ALL_PANELS for query in panel["queries"]]
    queries += [tile["expr"] for tile in PAGE["tiles"]] + [PAGE["releases"]]
    for text in render().values():
        queries += [each["expr"] for each in json.loads(text)["annotations"]["list"]]
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$window", "120s")}
        for number, query in enumerate(queries)
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": rules}]}))
    command = [promtool, "check", "rules", tmp_path / "rules.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout
