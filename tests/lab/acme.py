"""A certificate authority that speaks ACME: Pebble, from Debian, with a DNS server of the lab."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab import network
from tests.lab.hosts import Host
from tests.lab.state import FOLDER, run

PORT = 14000
MANAGEMENT_PORT = 15000
DNS_PORT = 8053
DNS_MANAGEMENT_PORT = 8055
NAME = "acme.fivebox.test"
# Of the ACME server itself, and root of the certificates that it issues, on the hosts.
BUNDLE = "/etc/ssl/certs/lab-ca.pem"
ISSUED = "/etc/ssl/certs/lab-issued.pem"
# Both servers take a moment to start.
RETRIED = ("--retry", "20", "--retry-all-errors", "--retry-delay", "1")


class Authority:
    """Pebble and its DNS server on the lab's bridge; every name leads to one host."""

    def __init__(self) -> None:
        self.folder = FOLDER / "acme"
        self.ca = self.folder / "ca.pem"
        self.directory = f"https://{NAME}:{PORT}/dir"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, edge: str) -> None:
        """Start.

        Args:
            edge: address that all names lead to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_certificate()
        dns = f"{network.GATEWAY}:{DNS_PORT}"
        pebble = {
            "listenAddress": f"{network.GATEWAY}:{PORT}",
            "managementListenAddress": f"{network.GATEWAY}:{MANAGEMENT_PORT}",
            "certificate": str(self.folder / "server.pem"),
            "privateKey": str(self.folder / "server.key"),
            "httpPort": 80,
            "tlsPort": 443,
        }
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": pebble}))
        off = ["-http01", "", "-https01", "", "-tlsalpn01", ""]
        management = ["-management", f"{network.GATEWAY}:{DNS_MANAGEMENT_PORT}"]
        self._spawn(
            "pebble-challtestsrv",
            *(*off, *management, "-dns01", dns, "-defaultIPv4", edge, "-defaultIPv6", ""),
        )
        self._spawn("pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", dns)
        self.root()
        if any(process.poll() is not None for process in self._processes):
            sys.exit(f"The authority does not start; see the logs in {self.folder}")

    def give(self, host: Host) -> dict[str, Any]:
        """Let a host trust the authority.

        Returns:
            the settings with which it gets its certificates here.
        """
        for path, source in ((BUNDLE, self.ca), (ISSUED, self.root())):
            (host.root / path.lstrip("/")).write_text(source.read_text())
        with (host.root / "etc/hosts").open("a") as hosts:
            hosts.write(f"{network.GATEWAY} {NAME}\n")
        return {
            "letsencrypt_directory": self.directory,
            "letsencrypt_ca_bundle": BUNDLE,
            "exporters_probe_ca_file": ISSUED,
            "dashboard_status_ca_bundle": ISSUED,
        }

    def lead(self, name: str, address: str) -> None:
        """Let one name lead elsewhere.

        Args:
            name: of a host.
            address: its own.
        """
        record = json.dumps({"host": f"{name}.", "addresses": [address]})
        url = f"http://{network.GATEWAY}:{DNS_MANAGEMENT_PORT}/add-a"
        run("curl", "--silent", "--fail", *RETRIED, "--data", record, url)

    def stop(self) -> None:
        """Stop both servers."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
            process.wait()
        self._processes.clear()

    def root(self) -> Path:
        """The root that clients of issued certificates must trust; made anew at each start."""
        url = f"https://{network.GATEWAY}:{MANAGEMENT_PORT}/roots/0"
        target = self.folder / "issued-root.pem"
        trust = ["--cacert", str(self.ca)]
        target.write_text(run("curl", "--silent", "--fail", *RETRIED, *trust, url))
        return target

    def _spawn(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("wb") as log:
            # It looks at the host for every certificate, and not for every other one.
            pebble = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0"}
            environment = {**os.environ, **pebble}
            # Ends with the drill, however the drill ends.
            command = ["setpriv", "--pdeathsig", "KILL", program, *arguments]
            self._processes.append(
                subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            )

    def _make_certificate(self) -> None:
        """An authority of the lab's own, for the ACME server itself."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run(
            *("openssl", "req", "-x509", *key, "-days", "30", "-subj", "/CN=Lab authority"),
            *("-keyout", str(self.folder / "ca.key"), "-out", str(self.ca)),
        )
        run(
            *("openssl", "req", "-x509", *key, "-days", "30", "-subj", f"/CN={NAME}"),
            *("-CA", str(self.ca), "-CAkey", str(self.folder / "ca.key")),
            *("-addext", f"subjectAltName=DNS:{NAME},IP:{network.GATEWAY}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", str(self.folder / "server.key"), "-out", str(self.folder / "server.pem")),
        )
