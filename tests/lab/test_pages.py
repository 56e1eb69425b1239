"""The pages of the API in a real browser."""

import re
import subprocess
from pathlib import Path

from tests.lab.conftest import DOMAIN
from tests.lab.hosts import Host

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
