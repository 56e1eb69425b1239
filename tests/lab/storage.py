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
from tests.lab.hosts import Host
from tests.lab.playbooks import ROOT, STORAGE
from tests.lab.state import FOLDER, run

PORT = 9443
BUCKET = "backups"
REGION = "eu-central-1"
ACCESS_KEY = "lab-access-key"
SECRET_KEY = "lab-secret-key-of-the-storage"


class Storage:
    """One server on the lab's bridge; what it holds ends with it."""

    def __init__(self, port: int = PORT) -> None:
        self.folder = FOLDER / f"storage-{port}"
        self.port = port
        self.endpoint = f"https://{STORAGE}:{port}"
        self.ca = self.folder / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start with an empty bucket."""
        network.ensure()
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.ca.exists():
            self._make_certificate()
        with (self.folder / "log").open("wb") as log:
            # Ends with the test, however that ends.
            program = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "gunicorn"]
            program += ["--threads", "8", "--no-control-socket"]
            tls = ["--certfile", "server.pem", "--keyfile", "server.key"]
            where = ["--bind", f"{network.GATEWAY}:{self.port}", "--keep-alive", "75"]
            self._process = subprocess.Popen(
                [*program, *tls, *where, "tests.lab.storage_app"],
                stdout=log,
                stderr=log,
                # Not the project's folder, where gunicorn would find the API's settings.
                cwd=self.folder,
                # Else moto takes the first label of the name for a bucket.
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
                },
            )
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
            endpoint_url=f"https://{network.GATEWAY}:{self.port}",
            region_name=REGION,
            aws_access_key_id="lab",
            aws_secret_access_key="lab-secret-key",
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

    def settings(self, name: str = "storage") -> dict[str, object]:
        """What an inventory needs to use it.

        Args:
            name: storage, or copy.
        """
        return {
            f"fivebox_backup_{name}": {
                "endpoint": self.endpoint,
                "bucket": BUCKET,
                "region": REGION,
                "ca": self.ca.read_text(),
            },
            f"vault_backup_{name}_access_key": ACCESS_KEY,
            f"vault_backup_{name}_secret_key": SECRET_KEY,
        }

    def _make_certificate(self) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        authority = self.folder / "ca.key"
        run(
            *("openssl", "req", "-x509", *key, "-days", "30", "-subj", "/CN=Storage authority"),
            *("-keyout", str(authority), "-out", str(self.ca)),
        )
        run(
            *("openssl", "req", "-x509", *key, "-days", "30", "-subj", f"/CN={STORAGE}"),
            *("-CA", str(self.ca), "-CAkey", str(authority)),
            *("-addext", f"subjectAltName=DNS:{STORAGE},IP:{network.GATEWAY}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", str(self.folder / "server.key"), "-out", str(self.folder / "server.pem")),
        )


def cut_off(host: Host, verdict: str = "reject with tcp reset") -> None:
    """Let a host not reach a storage any more.

    Args:
        host: to cut off.
        verdict: of its nftables on each packet that it sends there.
    """
    chain = f"type filter hook output priority 0; tcp dport {PORT} {verdict};"
    host.ssh(f"nft 'table inet outage {{ chain out {{ {chain} }}; }}'")


def reconnect(host: Host) -> None:
    """Let a host that was cut off reach it again."""
    host.ssh("nft delete table inet outage")


def main() -> None:
    """Serve until interrupted; prints the settings."""
    storage = Storage()
    storage.start()
    print(Path(storage.ca), storage.endpoint, BUCKET, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
