"""S3-compatible storage for the lab: moto, with TLS under an authority of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError

from tests.lab import network
from tests.lab.state import FOLDER, run

PORT = 9443
BUCKET = "backups"
REGION = "eu-central-1"


class Storage:
    """One server on the lab's bridge; what it holds ends with it."""

    def __init__(self, port: int = PORT) -> None:
        self.folder = FOLDER / f"storage-{port}"
        self.port = port
        self.endpoint = f"https://{network.GATEWAY}:{port}"
        self.ca = self.folder / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start with an empty bucket."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.ca.exists():
            self._make_certificate()
        with (self.folder / "log").open("wb") as log:
            # Ends with the test, however that ends.
            command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "moto.server"]
            where = ["-H", network.GATEWAY, "-p", str(self.port)]
            tls = ["-c", str(self.folder / "server.pem"), "-k", str(self.folder / "server.key")]
            self._process = subprocess.Popen([*command, *where, *tls], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.client().create_bucket(
                    Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
                )
            except BotoCoreError:
                if time.monotonic() > deadline:
                    sys.exit(f"The storage does not start; see {self.folder}/log")
                time.sleep(0.1)
            else:
                return

    def client(self):  # type: ignore[no-untyped-def]
        """A client of boto3."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="lab",
            aws_secret_access_key="lab-secret-key",  # noqa: S106 - of the lab
            verify=str(self.ca),
        )

    def pause(self) -> None:
        """Let it answer nothing, until `resume`."""
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def settings(self) -> dict[str, object]:
        """What an inventory needs to use it, without the keys."""
        return {
            "endpoint": self.endpoint,
            "bucket": BUCKET,
            "region": REGION,
            "ca": self.ca.read_text(),
        }

    def _make_certificate(self) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        authority = self.folder / "ca.key"
        run(
            *("openssl", "req", "-x509", *key, "-days", "30", "-subj", "/CN=Storage authority"),
            *("-keyout", str(authority), "-out", str(self.ca)),
        )
        run(
            *("openssl", "req", "-x509", *key, "-days", "30", "-subj", f"/CN={network.GATEWAY}"),
            *("-CA", str(self.ca), "-CAkey", str(authority)),
            *("-addext", f"subjectAltName=IP:{network.GATEWAY}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", str(self.folder / "server.key"), "-out", str(self.folder / "server.pem")),
        )


def main() -> None:
    """Serve until interrupted; prints the settings."""
    storage = Storage()
    storage.start()
    print(Path(storage.ca), storage.endpoint, BUCKET, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
