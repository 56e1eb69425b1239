"""The dashboard in a real browser."""

import pytest

DRAWN = "document.querySelectorAll('article[data-drawn] canvas').length >= 3"
ALERT = {
    "state": "firing",
    "activeAt": "2026-11-21T11:42:40.140959831Z",
    "labels": {"alertname": "DatabaseDown", "severity": "critical", "host": "box"},
    "annotations": {
        "summary": "PostgreSQL on box does not answer.",
        "cause": "It does not run.",
        "runbook_url": "https://docs.example.com/runbooks/outage.md",
        "panel": "database",
    },
}
WATCHDOG = {
    "state": "firing",
    "activeAt": "2026-11-21T11:00:00Z",
    "labels": {"alertname": "Watchdog", "severity": "none"},
    "annotations": {},
}


def text(chromium, selector: str) -> str:
    return chromium.evaluate(f"document.querySelector({selector!r}).innerText")


@pytest.mark.parametrize(("width", "phone"), [(1280, False), (390, True)])
def test_it_draws_without_a_fault_and_fits_the_screen(chromium, prometheus, width, phone):
    chromium.resize(width, 844, phone=phone, dark=phone)
    chromium.open(prometheus.url)
    chromium.until(DRAWN if not phone else "document.querySelector('article canvas')")
    chromium.until("document.getElementById('updated').textContent")

    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    assert text(chromium, "#alerts h2") == "No alert"
    assert "50 %" in text(chromium, "#tile-available")
    assert "2xx" in text(chromium, "#requests .names")
    # Also what the policy forbids.
    assert chromium.faults == []


def test_only_what_is_seen_is_asked(chromium, prometheus):
    chromium.open(prometheus.url)
    chromium.until(DRAWN)
    assert not any(
        "probe_duration_seconds" in asked.get("query", "") for _, asked in prometheus.asked
    )

    chromium.evaluate("document.getElementById('probes').scrollIntoView()")

    chromium.until("document.querySelector('#probes canvas')")


def test_an_alert_leads_to_its_chart_its_runbook_and_its_logs(chromium, prometheus):
    prometheus.alerts = [WATCHDOG, ALERT]
    chromium.open(prometheus.url)
    chromium.until("document.querySelector('#alerts li')")

    shown = text(chromium, "#alerts")
    assert shown.startswith("1 alert")
    assert "DatabaseDown on box" in shown
    assert "PostgreSQL on box does not answer." in shown
    assert 'make logs ENV=mine ONLY=postgresql SINCE="2026-11-21 11:37 UTC"' in shown
    assert "Watchdog" not in shown
    links = "[...document.querySelectorAll('#alerts a')].map((a) => a.getAttribute('href'))"
    assert chromium.evaluate(links) == ["#database", ALERT["annotations"]["runbook_url"]]
    assert chromium.evaluate("document.title") == "(1) api.example.com"

    chromium.evaluate("document.querySelector('#alerts a').click()")
    chromium.until("document.querySelector('#database:target canvas')")
    assert chromium.faults == []


def test_the_worst_and_newest_comes_first(chromium, prometheus):
    prometheus.alerts = [
        ALERT
        | {"labels": {"alertname": name, "severity": severity}, "state": state, "activeAt": at}
        for name, severity, state, at in [
            ("Pending", "critical", "pending", "2026-11-21T11:45:00Z"),
            ("Warning", "warning", "firing", "2026-11-21T11:44:00Z"),
            ("Older", "critical", "firing", "2026-11-21T11:42:00Z"),
            ("Newer", "critical", "firing", "2026-11-21T11:43:00Z"),
        ]
    ]
    chromium.open(prometheus.url)
    chromium.until("document.querySelector('#alerts li')")

    names = "[...document.querySelectorAll('#alerts strong')].map((each) => each.innerText)"
    assert chromium.evaluate(names) == ["Newer", "Older", "Warning", "Pending"]


def test_a_topic_leads_to_its_own_logs(chromium, prometheus):
    labels = ALERT["labels"] | {"topic": "redis"}
    prometheus.alerts = [ALERT | {"labels": labels}]
    chromium.open(prometheus.url)
    chromium.until("document.querySelector('#alerts li')")

    assert "make logs ENV=mine ONLY=redis" in text(chromium, "#alerts")


def test_an_alert_is_shown_as_text_only(chromium, prometheus):
    planted = "<img src=x onerror='document.title=\"broken\"'>"
    annotations = {"summary": planted, "runbook_url": "javascript:alert(1)"}
    prometheus.alerts = [ALERT | {"annotations": annotations}]
    chromium.open(prometheus.url)
    chromium.until("document.querySelector('#alerts li')")

    assert planted in text(chromium, "#alerts")
    assert chromium.evaluate("document.querySelectorAll('#alerts img, #alerts a').length") == 0
    assert chromium.faults == []


def test_a_release_is_marked_when_it_was_first_seen(chromium, prometheus):
    chromium.open(prometheus.url)
    chromium.until(DRAWN)

    (mark,) = chromium.evaluate("state.marks")
    span = chromium.evaluate("state.span")
    assert mark["name"] == "1.2.3"
    assert abs(mark["time"] - (span["start"] + span["end"]) / 2) <= span["step"]


def test_another_time_span_is_asked_for(chromium, prometheus):
    chromium.open(f"{prometheus.url}?range=24h")
    chromium.until(DRAWN)
    spans = {int(a["end"]) - int(a["start"]) for q, a in prometheus.asked if q == "query_range"}
    assert spans == {86400}
    prometheus.asked.clear()

    chromium.evaluate("document.querySelectorAll('#ranges button')[0].click()")

    chromium.until("state.span.end - state.span.start === 900")
    assert chromium.evaluate("location.search") == "?range=15m"


def test_it_says_when_prometheus_is_away_and_goes_on_by_itself(chromium, prometheus):
    prometheus.failing = True
    chromium.open(prometheus.url)
    chromium.until("!document.getElementById('fault').hidden")
    assert text(chromium, "#fault") == "Prometheus does not answer: status 502"

    prometheus.failing = False

    chromium.until(DRAWN)
    chromium.until("document.getElementById('fault').hidden")
