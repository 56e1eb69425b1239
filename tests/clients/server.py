"""The API as it is served: gunicorn with two workers."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 90


class Server:
    """A running gunicorn, whose log goes into a pipe of ours."""

    def __init__(self, environment: dict[str, str], folder: Path, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._out, self._log = os.pipe()
        self._reading = threading.Event()
        self._reading.set()
        threading.Thread(target=self._read, daemon=True).start()
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
            stdout=self._log,
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

    def stall(self) -> None:
        """Let no worker get past its log line: that comes after the commit, before the reply."""
        self._reading.clear()
        full = os.open(f"/proc/self/fd/{self._log}", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(full, b"\n")
        os.close(full)

    def kill_workers(self) -> None:
        """kill -9 of the workers; gunicorn starts others."""
        workers = psutil.Process(self._process.pid).children()
        assert len(workers) == 2
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        self._reading.set()
        psutil.wait_procs(workers, timeout=SECONDS)
        self.wait()

    def stop(self) -> None:
        self._reading.set()
        self._process.terminate()
        self._process.wait(SECONDS)
        os.close(self._log)

    def _read(self) -> None:
        while self._reading.wait():
            # What is written while the reading is off may be as little as one byte.
            if not os.read(self._out, 65536):
                break
