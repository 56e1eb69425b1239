"""The controller signs what the inventory says of a host, whatever the host asks for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from scripts import internal_ca

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).parent / "ansible-playbook"
NAMES = ["IP:10.0.0.20", "DNS:api1", "DNS:api.fivebox.internal"]
PURPOSES = "extendedKeyUsage=serverAuth,clientAuth"
OWN = "subjectAltName=" + ",".join(NAMES)


def request(folder: Path, subject: str, *extensions: str) -> str:
    """Ask for a certificate, as roles/internal_certificate does on a host."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    added = [word for extension in extensions for word in ("-addext", extension)]
    return subprocess.run(
        ["openssl", "req", "-new", *curve, "-keyout", folder / "key.pem", "-subj", subject, *added],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def sign(folder: Path, asked: str) -> tuple[int, str]:
    """Have a request of the host api1 signed; the certificate is in the file "signed" then."""
    made = internal_ca.make()
    variables = {
        "__internal_certificate_request": {"stdout": asked},
        "internal_certificate_names": NAMES,
        "internal_certificate_authority": made["vault_internal_ca_certificate"],
        "internal_certificate_authority_key": made["vault_internal_ca_key"],
    }
    (folder / "variables.json").write_text(json.dumps(variables))
    role = {"name": "internal_certificate", "tasks_from": "sign.yml"}
    content = "{{ __internal_certificate_signed.certificate }}"
    write = {"content": content, "dest": str(folder / "signed"), "mode": "0600"}
    tasks = [
        {"ansible.builtin.include_role": role},
        {"ansible.builtin.copy": write, "delegate_to": "localhost"},
    ]
    play = [{"hosts": "api1", "gather_facts": False, "tasks": tasks}]
    (folder / "play.json").write_text(json.dumps(play))
    done = subprocess.run(
        [PROGRAM, "-i", "api1,", folder / "play.json", "-e", f"@{folder / 'variables.json'}"],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_INVENTORY_ENABLED": "host_list"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made["vault_internal_ca_key"].splitlines()[1] not in done.stdout + done.stderr
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_a_request_of_the_host_is_signed(tmp_path: Path) -> None:
    code, output = sign(tmp_path, request(tmp_path, "/CN=api1", OWN, PURPOSES))
    assert code == 0, output
    certificate = x509.load_pem_x509_certificate((tmp_path / "signed").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=api1"


@pytest.mark.parametrize(
    ("subject", "extensions"),
    [
        ("/CN=edge1", [OWN, PURPOSES]),
        ("/CN=edge1/CN=api1", [OWN, PURPOSES]),
        ("/O=fleet/CN=api1", [OWN, PURPOSES]),
        ("/CN=api1", [f"{OWN},DNS:edge.fivebox.internal", PURPOSES]),
        ("/CN=api1", [OWN.replace("10.0.0.20", "10.0.0.10"), PURPOSES]),
        ("/CN=api1", [PURPOSES]),
        ("/CN=api1", [OWN, PURPOSES, "basicConstraints=CA:TRUE"]),
        ("/CN=api1", [OWN, f"{PURPOSES},codeSigning"]),
    ],
    ids=str,
)
def test_what_another_host_would_ask_for_is_not(
    tmp_path: Path, subject: str, extensions: list[str]
) -> None:
    code, output = sign(tmp_path, request(tmp_path, subject, *extensions))
    assert code != 0
    assert "api1 asks for a certificate that is not its own" in output
    assert not (tmp_path / "signed").exists()
