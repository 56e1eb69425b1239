#!/usr/bin/python3
"""Probe the API once, and write the public status page; a timer runs it every minute.

It needs nothing of what it watches: neither the API nor Prometheus. What it saw is kept in
history.json in its state directory; public/ there is what nginx serves.
"""

import base64
import hashlib
import html
import http.client
import json
import os
import socket
import ssl
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10
RETRY_SECONDS = 3
DAY = 86_400
DAYS = 90
GAP_SECONDS = 300
STYLE = """
:root{color-scheme:light dark;--back:#f4f6f8;--card:#fff;--text:#17202a;--soft:#5d6b7a;
--good:#0f8a5f;--bad:#c62828;--none:#c9d1d9;--link:#1d5fc4}
@media(prefers-color-scheme:dark){:root{--back:#11161c;--card:#1a2129;--text:#e6ebf0;
--soft:#9aa8b6;--good:#34c38f;--bad:#ff6b6b;--none:#3a4550;--link:#7fb2ff}}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:720px;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.2rem}h2{font-size:1rem;margin-top:2rem}a{color:var(--link)}
.now{background:var(--card);border-left:6px solid var(--good);border-radius:8px;padding:1rem;
font-size:1.2rem}
.now.down{border-color:var(--bad)}.soft,footer{color:var(--soft);font-size:.9rem}
svg{width:100%;height:auto;display:block}ul{padding-left:1.2rem}
.good{fill:var(--good)}.bad{fill:var(--bad)}.none{fill:var(--none)}
polyline{fill:none;stroke:var(--good);stroke-width:1.5;vector-effect:non-scaling-stroke}
"""


def probe(url, address, ca_bundle):
    """Ask once.

    Args:
        url: an https address that answers with the API's health.
        address: to connect to; "" for what the name leads to.
        ca_bundle: file of the certificates to trust; "" for the system's.

    Returns:
        what is wrong ("" for nothing), the time to the answer in milliseconds, and for each
        dependency whether it is up.
    """
    parts = urlsplit(url)
    begun = time.monotonic()
    try:
        context = ssl.create_default_context(cafile=ca_bundle or None)
        target = (address or parts.hostname, parts.port or 443)
        with (
            socket.create_connection(target, TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secure,
        ):
            connection = http.client.HTTPConnection(parts.hostname, timeout=TIMEOUT_SECONDS)
            connection.sock = secure
            connection.request("GET", parts.path or "/", headers={"User-Agent": "status"})
            answer = connection.getresponse()
            body = answer.read(100_000)
    except ssl.SSLCertVerificationError:
        return "its certificate is not valid", None, {}
    except (OSError, http.client.HTTPException):
        return "it does not answer", None, {}
    milliseconds = round((time.monotonic() - begun) * 1000)
    wrong = "" if answer.status == 200 else f"it answers with status {answer.status}"
    try:
        checks = {name: each["status"] == "up" for name, each in json.loads(body)["checks"].items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        checks = {}
    return wrong, milliseconds, checks


def remember(history, now, wrong, milliseconds, checks):
    """Add what a probe saw.

    Args:
        history: of the probes before; changed.
        now: seconds since the epoch.
        wrong: what is wrong, "" for nothing.
        milliseconds: time to the answer, None without one.
        checks: whether each dependency is up.
    """
    samples = history.setdefault("samples", [])
    incidents = history.setdefault("incidents", [])
    samples.append([now, None if wrong else milliseconds])
    history["samples"] = [sample for sample in samples if sample[0] > now - DAY]
    days = history.setdefault("days", {})
    today = days.setdefault(f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}", {"good": 0, "bad": 0})
    today["bad" if wrong else "good"] += 1
    first = f"{datetime.fromtimestamp(now - DAYS * DAY, UTC):%Y-%m-%d}"
    history["days"] = {day: count for day, count in days.items() if day > first}
    last = history.get("last")
    open_one = incidents[-1] if incidents and incidents[-1]["end"] is None else None
    if last and now - last > GAP_SECONDS:
        if open_one:
            open_one["end"], open_one = last, None
        incidents.append({"begin": last, "end": now, "reason": "nobody looked"})
    if wrong and not open_one:
        incidents.append({"begin": now, "end": None, "reason": wrong})
    if not wrong and open_one:
        open_one["end"] = now
    history["incidents"] = [each for each in incidents if (each["end"] or now) > now - DAYS * DAY]
    history["checks"] = checks or dict.fromkeys(history.get("checks", {}), False)
    history["last"] = now


def moment(seconds):
    """A time as readers take it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def days_bars(days, now):
    """90 bars, the newest on the right; what share of the probes was answered."""
    bars = []
    for number in range(DAYS):
        day = f"{datetime.fromtimestamp(now, UTC) - timedelta(days=DAYS - 1 - number):%Y-%m-%d}"
        count = days.get(day)
        share = count["good"] / (count["good"] + count["bad"]) if count else None
        kind = "none" if share is None else "good" if share >= 0.99 else "bad"
        text = "no probes" if share is None else f"{share:.2%}"
        bar = f'<rect class="{kind}" x="{number * 8}" y="0" width="6" height="40">'
        bars.append(f"{bar}<title>{day}: {text}</title></rect>")
    return f'<svg viewBox="0 0 720 40" role="img" aria-label="90 days">{"".join(bars)}</svg>'


def latency_line(samples, now):
    """The times to the answer of a day, as a line."""
    known = [(seen, value) for seen, value in samples if value is not None]
    if not known:
        return "<p>No answer in 24 hours.</p>"
    top = max(value for _, value in known) or 1
    points = " ".join(
        f"{720 - (now - seen) / DAY * 720:.1f},{78 - value / top * 74:.1f}" for seen, value in known
    )
    median = statistics.median(value for _, value in known)
    return (
        f'<svg viewBox="0 0 720 80" preserveAspectRatio="none" role="img" aria-label="Latency">'
        f'<polyline points="{points}"/></svg>'
        f'<p class="soft">Median {median:.0f} ms, longest {top} ms.</p>'
    )


def incidents_list(incidents):
    """The newest incidents first."""
    entries = []
    for each in reversed(incidents[-20:]):
        end = each["end"]
        minutes = max(1, round(((end or 0) - each["begin"]) / 60))
        length = "not over yet" if end is None else f"{minutes} min"
        entries.append(f"<li>{moment(each['begin'])}, {length}: {html.escape(each['reason'])}</li>")
    return f"<ul>{''.join(entries)}</ul>" if entries else "<p>None in 90 days.</p>"


def render(history, title, now):
    """The page.

    Args:
        history: what was seen.
        title: of the page.
        now: seconds since the epoch.
    """
    open_one = next((each for each in history["incidents"] if each["end"] is None), None)
    if open_one:
        since = f"Down since {moment(open_one['begin'])}: {html.escape(open_one['reason'])}"
        head = f'<p class="now down">{since}</p>'
    else:
        head = '<p class="now">Up</p>'
    good = sum(count["good"] for count in history["days"].values())
    every = good + sum(count["bad"] for count in history["days"].values())
    parts = ", ".join(
        f"{html.escape(name)} {'up' if up else 'down'}"
        for name, up in sorted(history["checks"].items())
    )
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:"
    name = html.escape(title)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}: {"down" if open_one else "up"}</title>
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="60">
<link rel="icon" href="data:,"><style>{STYLE}</style></head><body><main>
<h1>{name}</h1>{head}<p class="soft">{parts}</p>
<h2>90 days: {good / every:.2%} of the probes answered</h2>{days_bars(history["days"], now)}
<h2>Time to answer, 24 hours</h2>{latency_line(history["samples"], now)}
<h2>Incidents</h2>{incidents_list(history["incidents"])}
<footer>Written at {moment(now)}, every minute. <a href="status.json">As JSON</a></footer>
</main></body></html>
"""


def replace(path, text):
    """Write a file so that a reader sees the old or the new one, never a part."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def main():
    """Probe, remember, write."""
    folder = Path(os.environ["STATE_DIRECTORY"])
    public = folder / "public"
    public.mkdir(exist_ok=True)
    where = (os.environ["STATUS_URL"], os.environ["STATUS_ADDRESS"], os.environ["STATUS_CA_BUNDLE"])
    seen = probe(*where)
    if seen[0]:
        # One lost packet is no outage.
        time.sleep(RETRY_SECONDS)
        seen = probe(*where)
    kept = folder / "history.json"
    try:
        history = json.loads(kept.read_text(encoding="utf-8"))
    except FileNotFoundError:
        history = {}
    except ValueError:
        kept.replace(folder / "history.broken")
        history = {}
    now = int(time.time())
    remember(history, now, *seen)
    replace(kept, json.dumps(history))
    replace(public / "index.html", render(history, os.environ["STATUS_TITLE"], now))
    told = {
        "status": "down" if seen[0] else "up",
        "reason": seen[0],
        "latency_ms": seen[1],
        "checks": history["checks"],
        "timestamp": now,
        "incidents": history["incidents"][-20:],
    }
    replace(public / "status.json", json.dumps(told))


if __name__ == "__main__":
    main()
