"""The API as it is served: gunicorn with two workers."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 90


class Server:
    """A running gunicorn; its log is in its folder."""

    def __init__(self, environment: dict[str, str], folder: Path, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / "gunicorn"), "wsgi:app"],
                cwd=PROJECT,
                env={
                    **os.environ,
                    **environment,
                    "FIVEBOX_METRICS_DIR": str(folder / "metrics"),
                    "BIND": f"127.0.0.1:{port}",
                    "WORKERS": "2",
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.wait()

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/health/live", timeout=2).close()
            except (urllib.error.URLError, OSError):
                assert self._process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def kill_workers(self) -> None:
        """kill -9 of the workers; gunicorn starts others."""
        workers = psutil.Process(self._process.pid).children()
        assert len(workers) == 2
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        psutil.wait_procs(workers, timeout=SECONDS)
        self.wait()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)
