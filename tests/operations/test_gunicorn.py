"""The server process itself."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path


def test_its_own_lines_are_json_too(
    environment: dict[str, str], app: object, project: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "gunicorn"), "wsgi:app"],
        cwd=project,
        env={
            **os.environ,
            **environment,
            "FIVEBOX_METRICS_DIR": str(tmp_path / "metrics"),
            "BIND": f"unix:{tmp_path}/socket",
            "WORKERS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if "Booting worker" in lines[-1]["event"]:
            break
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    lines += [json.loads(line) for line in output.splitlines()]
    assert all(line["service"] == "fivebox" and line["timestamp"] for line in lines)
    assert process.returncode == 0
