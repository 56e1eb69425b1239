"""The load tool beside a test of the lab, through a relay, as a client far away."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.conftest import DOMAIN, Api
from tests.lab.playbooks import ROOT
from tests.lab.relay import far_away

# A round trip of 40 ms: on a shorter way few requests are under way at any moment.
DELAY_SECONDS = 0.02
LONGEST_SECONDS = 7200


@dataclass
class Result:
    """What the load tool told at its end."""

    figures: dict[str, Any] = field(default_factory=dict)
    # When each request was due, in seconds since the epoch, and the milliseconds it took.
    samples: list[tuple[float, float]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        failed: int = self.figures["failed"] + self.figures["streams_failed"]
        return failed

    def p99(self, begin: float, end: float) -> float:
        """99th percentile, in milliseconds, of the requests of a time."""
        took = sorted(ms for due, ms in self.samples if begin <= due < end)
        return took[int(0.99 * len(took))] if took else 0.0


@contextmanager
def load(api: Api, folder: Path, rate: float, streams: int = 0) -> Iterator[Result]:
    """Send a constant load meanwhile; the result is complete afterwards.

    Args:
        api: where to.
        folder: for the samples.
        rate: requests a second.
        streams: open streams of live updates.
    """
    samples = folder / "samples"
    result = Result()
    with far_away(api.address, 443, DELAY_SECONDS) as port:
        command = [
            *(sys.executable, "-m", "scripts.load", DOMAIN, "--address", "127.0.0.1"),
            *("--port", str(port), "--ca", api.root, "--rate", str(rate)),
            *("--streams", str(streams), "--seconds", str(LONGEST_SECONDS)),
            *("--samples", str(samples)),
        ]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr
            first = process.stderr.readline()
            assert first == "begun\n", first + process.stderr.read()
            try:
                yield result
            finally:
                process.send_signal(signal.SIGTERM)
                told, errors = process.communicate(timeout=300)
    assert told, errors
    result.figures = json.loads(told)
    result.samples = [
        (float(due), float(ms)) for due, ms in map(str.split, samples.read_text().splitlines())
    ]
