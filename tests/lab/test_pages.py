"""The pages in a real browser: the API's documentation, the dashboard, the status page."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Browser, browser
from tests.lab.conftest import DOMAIN, Api
from tests.lab.hosts import API_UNIT, Host

BUDGET_MS = 8000


def test_the_docs_show_the_operations(host: Host, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *(f"--user-data-dir={tmp_path}", "--enable-logging=stderr"),
            # Only here does that name lead to the host; the other tests verify the chain.
            *(f"--host-resolver-rules=MAP {DOMAIN} {host.address}", "--ignore-certificate-errors"),
            *(f"--virtual-time-budget={BUDGET_MS}", f"https://{DOMAIN}/docs"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert len(re.findall('class="opblock ', done.stdout)) > 20
    assert "Create a habit" in done.stdout
    # What the page's Content-Security-Policy forbids would be said on the console.
    assert re.findall("CONSOLE.*", done.stderr) == []


@pytest.fixture
def chromium(host: Host, tmp_path: Path) -> Iterator[Browser]:
    names = f"--host-resolver-rules=MAP {DOMAIN} {host.address}"
    with browser(tmp_path, names, "--ignore-certificate-errors") as page:
        yield page


@pytest.mark.parametrize(("width", "phone"), [(1280, False), (390, True)])
def test_the_dashboard_shows_the_host(
    chromium: Browser, secrets: dict[str, str], width: int, phone: bool
) -> None:
    chromium.resize(width, 2000, phone=phone)
    chromium.log_in("operator", secrets["vault_dashboard_password"])
    chromium.open(f"https://{DOMAIN}/ops/?range=15m")
    chromium.until("document.getElementById('updated').textContent")
    chromium.until("document.querySelector('#requests canvas')")
    chromium.evaluate("document.getElementById('memory').scrollIntoView()")
    chromium.until("document.querySelector('#memory canvas')")
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    assert chromium.faults == []


def test_prometheus_takes_every_query_of_the_dashboard(host: Host) -> None:
    page = json.loads(Path("roles/dashboard/files/panels.json").read_text())
    panels = [panel for section in page["sections"] for panel in section["panels"]]
    queries = [query["expr"] for panel in panels for query in panel["queries"]]
    queries += [tile["expr"] for tile in page["tiles"]] + [page["releases"]]
    words = [query.replace("$window", "120s").replace("'", "'\\''") for query in queries]
    ask = "curl --silent --data-urlencode 'query={}' http://127.0.0.1:9090/api/v1/query; echo"
    told = host.ssh("; ".join(map(ask.format, words))).stdout.splitlines()
    assert len(told) == len(queries)
    for query, answer in zip(queries, told, strict=True):
        assert json.loads(answer)["status"] == "success", query


def test_the_dashboard_is_for_operators_alone(api: Api) -> None:
    assert api.ask("GET", "/ops/").status == 401
    assert api.ask("GET", "/ops/api/query?query=up").status == 401
    assert api.ask("GET", "/ops/api/status/config").status == 404


def test_the_status_page_is_there_while_the_api_is_not(
    host: Host, api: Api, chromium: Browser
) -> None:
    host.ssh("systemctl start fivebox-status")
    assert json.loads(api.ask("GET", "/status/status.json").body)["status"] == "up"
    host.ssh(f"systemctl stop {API_UNIT}")
    try:
        host.ssh("systemctl start fivebox-status")
        chromium.open(f"https://{DOMAIN}/status/")
        assert "Down since" in chromium.evaluate("document.body.innerText")
    finally:
        host.ssh(f"systemctl start {API_UNIT}")
        host.ssh("systemctl start fivebox-status")
    assert api.ask("GET", "/status/").status == 200
    assert json.loads(api.ask("GET", "/status/status.json").body)["status"] == "up"
    assert chromium.faults == []
