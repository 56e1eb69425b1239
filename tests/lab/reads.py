"""Clients that read one path through the public name, by wrk."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.lab.conftest import DOMAIN


def reads(
    address: str,
    token: str,
    folder: Path,
    *,
    path: str,
    connections: int,
    seconds: int,
    pause_ms: int,
) -> dict[str, Any]:
    """Let clients read for a while.

    Args:
        address: of the host.
        token: an access token.
        folder: for the files of wrk.
        path: what they read.
        connections: number of clients.
        seconds: for how long.
        pause_ms: between two requests of a client.

    Returns:
        `p95_ms`, `requests` and `errors`.
    """
    script = folder / "load.lua"
    script.write_text(
        f"delay = function() return {pause_ms} end\n"
        "done = function(s, l, r) io.write(string.format("
        '\'{"p95_ms":%.1f,"requests":%d,"errors":%d}\', l:percentile(95)/1000, s.requests,'
        " s.errors.status + s.errors.connect + s.errors.read + s.errors.timeout)) end\n"
    )
    # wrk sends the name it connects to; only here does that name lead to the host.
    names = folder / "hosts"
    names.write_text(f"{address} {DOMAIN}\n")
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"'),
            *(str(names), "wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds}s", "--script", str(script)),
            *("--header", f"Authorization: Bearer {token}", f"https://{DOMAIN}{path}"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout[done.stdout.index('{"p95') :])
    return figures
