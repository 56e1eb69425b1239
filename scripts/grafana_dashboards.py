"""Write the dashboards for Grafana from the panels of the page in roles/dashboard.

`python -m scripts.grafana_dashboards` writes docs/grafana/*.json, which Grafana imports as they are
(version 10 and later); they ask for a Prometheus data source.
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PANELS = ROOT / "roles/dashboard/files/panels.json"
TARGET = ROOT / "docs/grafana"
# Name of the file -> title, and the sections of the page that it shows.
DASHBOARDS = {
    "api": ("Fivebox: API", ["Traffic", "Latency", "Errors", "Saturation"]),
    "servers": (
        "Fivebox: servers",
        ["Hosts", "Database", "Cache", "Certificate and backups"],
    ),
    "business": ("Fivebox: business", ["Business", "External services"]),
}
UNITS = {
    "count": "short",
    "persecond": "cps",
    "perhour": "short",
    "percent": "percentunit",
    "bytes": "bytes",
    "bytespersecond": "Bps",
    "days": "d",
    "seconds": "s",
}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS, WIDTH, HEIGHT = 24, 8, 8

Model = dict[str, Any]


def render() -> dict[str, str]:
    """The text of each dashboard by the name of its file."""
    page = json.loads(PANELS.read_text(encoding="utf-8"))
    sections = {section["title"]: section["panels"] for section in page["sections"]}
    return {
        f"{name}.json": json.dumps(
            _dashboard(name, title, {each: sections[each] for each in wanted}, page["releases"]),
            indent=2,
        )
        + "\n"
        for name, (title, wanted) in DASHBOARDS.items()
    }


def _dashboard(name: str, title: str, sections: dict[str, list[Model]], releases: str) -> Model:
    panels: list[Model] = []
    top = 0
    for section, wanted in sections.items():
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        panels.append(
            {"type": "row", "title": section, "collapsed": False, "gridPos": place, "panels": []}
        )
        top += 1
        for number, panel in enumerate(wanted):
            row, column = divmod(number, COLUMNS // WIDTH)
            panels.append(_panel(panel, column * WIDTH, top + row * HEIGHT))
        top += -(-len(wanted) * WIDTH // COLUMNS) * HEIGHT
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {
        "uid": f"fivebox-{name}",
        "title": title,
        "tags": ["fivebox"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_releases(releases)]},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                    "current": {},
                }
            ]
        },
        "panels": panels,
    }


def _panel(panel: Model, x: int, y: int) -> Model:
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": DATASOURCE,
            "expr": query["expr"].replace("$window", "$__rate_interval"),
            "legendFormat": query["legend"],
        }
        for number, query in enumerate(panel["queries"])
    ]
    return {
        "type": "timeseries",
        "title": panel["title"] + (", per hour" if panel["unit"] == "perhour" else ""),
        "description": f"Logs: make logs ENV=… {panel['logs']}",
        "datasource": DATASOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": x, "y": y},
        "fieldConfig": {
            "defaults": {"unit": UNITS[panel["unit"]], "custom": {"fillOpacity": 8}},
            "overrides": [_color(name, color) for name, color in panel.get("colors", {}).items()],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }


def _color(name: str, color: str) -> Model:
    fixed = {"id": "color", "value": {"mode": "fixed", "fixedColor": color}}
    return {"matcher": {"id": "byName", "options": name}, "properties": [fixed]}


def _releases(expression: str) -> Model:
    before = expression.replace("fivebox_info", "fivebox_info offset 2m")
    return {
        "name": "Releases",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "purple",
        "expr": f"{expression} unless {before}",
        "titleFormat": "{{version}}",
    }


def main() -> None:
    """The command line."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in render().items():
        (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
