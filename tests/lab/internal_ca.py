"""An authority inside a fleet: `python -m tests.lab.internal_ca FOLDER NAME=ADDRESS …`."""

import sys
from pathlib import Path

from tests.lab.state import run

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def issue(folder: Path, addresses: dict[str, str]) -> dict[str, dict[str, str]]:
    """Make the authority, if there is none yet, and a certificate for each host.

    Args:
        folder: keeps all of it; each host's is kept too when it is made.
        addresses: of the hosts, by name.

    Returns:
        the variables of the playbooks, by host.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca, ca_key = folder / "ca.crt", folder / "ca.key"
    if not ca.exists():
        made = ("-keyout", str(ca_key), "-out", str(ca))
        # Python's strict check (3.13) wants it of an authority.
        use = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        run("openssl", "req", "-x509", "-days", "30", *CURVE, "-subj", "/CN=Lab", *use, *made)
    return {name: _host(folder, name, address) for name, address in addresses.items()}


def _host(folder: Path, name: str, address: str) -> dict[str, str]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not certificate.exists():
        names = f"subjectAltName=IP:{address},DNS:{name}"
        uses = "extendedKeyUsage=serverAuth,clientAuth"
        signed = ("-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key"))
        made = ("-keyout", str(key), "-out", str(certificate))
        kind = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext", uses)
        options = ("-subj", f"/CN={name}", "-addext", names, *kind, *signed, *made)
        run("openssl", "req", "-x509", "-days", "30", *CURVE, *options)
    return {
        "internal_ca": (folder / "ca.crt").read_text(),
        "internal_certificate": certificate.read_text(),
        "internal_key": key.read_text(),
    }


def main(folder: str, *hosts: str) -> None:
    """The command line."""
    issue(Path(folder), dict(host.split("=", 1) for host in hosts))


if __name__ == "__main__":
    main(*sys.argv[1:])
