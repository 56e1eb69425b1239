"""Check the settings of an inventory; what is wrong is printed, one line a fault.

The playbooks call it before they ask a host anything, with JSON on standard input: `variables` (all
fivebox_* and vault_*), `environment` (of the API), `groups`, and `release` (path of the archive).
"""

import base64
import binascii
import difflib
import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.settings import Settings, SettingsError, load_settings  # noqa: E402
from scripts.make_secrets import NAMES  # noqa: E402

SETTINGS = ROOT / "inventories/single/group_vars/all/settings.yml"
WIRING = ROOT / "playbooks/group_vars/all.yml"
# Named on the command line, or in the vault when there is need.
FURTHER = {"fivebox_release", "vault_api_settings"}
SECRET_LENGTHS = {"vault_jwt_secret": 32, "vault_password_pepper": 32}
SECRET_LENGTH = 16
GROUPS = ("edge", "api", "database", "cache")
# Three or more hosts of these fail over by themselves.
CLUSTERS = ("database", "cache")
REMEDY = "mend it: ansible-vault edit inventories/<inventory>/group_vars/all/vault.yml"
KEY_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-ed25519@", "sk-ecdsa-sha2-")

Values = dict[str, Any]


def main() -> int:
    """Print the faults; the exit status is 1 when there are any."""
    given = json.load(sys.stdin)
    faults = list(_faults(given))
    print("\n".join(dict.fromkeys(faults)))
    return 1 if faults else 0


def _faults(given: Values) -> Iterator[str]:
    variables = given["variables"]
    yield from _unknown(variables)
    yield from _settings(variables)
    yield from _secrets(variables)
    yield from _groups(given["groups"])
    if not Path(given["release"] or "none").is_file():
        yield "fivebox_release: there is no such release; run: make release"
    yield from _environment(given["environment"])


def _unknown(variables: Values) -> Iterator[str]:
    known = {*_keys(SETTINGS), *_keys(WIRING), *FURTHER, *NAMES}
    for name in sorted(set(variables) - known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; is {close[0]} meant?" if close else ""
        yield f"{name}: there is no such setting{hint}"


def _keys(path: Path) -> set[str]:
    names = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name for name in names if name.startswith("fivebox_")}


def _settings(variables: Values) -> Iterator[str]:
    domain = str(variables.get("fivebox_domain") or "")
    labels = domain.split(".")
    if not domain:
        yield "fivebox_domain: set it to the public name of the API, such as api.example.com"
    elif len(labels) < 2 or not all(
        re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", x) for x in labels
    ):
        yield f"fivebox_domain: {domain} is no name such as api.example.com (lower case, no https://)"
    elif variables.get("fivebox_check_dns") and not _has_address(domain):
        yield f"fivebox_domain: {domain} has no address yet; add a DNS record for the host"
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(variables.get("fivebox_email") or "")):
        yield "fivebox_email: set it to your e-mail address; the certificate authority needs one"
    if variables.get("fivebox_environment") not in ("staging", "production"):
        yield "fivebox_environment: must be staging or production"
    for name in ("fivebox_admin_user", "fivebox_first_user"):
        if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", str(variables.get(name, "deploy"))):
            yield f"{name}: must be the name of a user, such as deploy"
    if variables.get("fivebox_admin_user") == "root":
        yield "fivebox_admin_user: root must not log in; name another user, which is made"
    yield from _admin_keys(variables.get("fivebox_admin_keys"))
    for network in _list(variables, "fivebox_trusted_proxies"):
        try:
            ip_network(str(network))
        except ValueError as error:
            yield f"fivebox_trusted_proxies: {error}"


def _list(variables: Values, name: str) -> list[Any]:
    value = variables.get(name)
    return value if isinstance(value, list) else [value] if value else []


def _has_address(domain: str) -> bool:
    try:
        return bool(socket.getaddrinfo(domain, None))
    except OSError:
        return False


def _admin_keys(keys: Any) -> Iterator[str]:
    if not isinstance(keys, list) or not keys:
        yield "fivebox_admin_keys: list at least one public ssh key, or nobody can log in"
        return
    for key in keys:
        if not _is_key(str(key).split()):
            yield f"fivebox_admin_keys: {str(key)[:40]!r} is no public ssh key (ssh-ed25519 AAAA…)"


def _is_key(words: list[str]) -> bool:
    if len(words) < 2 or not words[0].startswith(KEY_TYPES):
        return False
    try:
        # RFC 4253, section 6.6: the blob begins with the type's length and name.
        return base64.b64decode(words[1], validate=True)[4:].startswith(words[0].encode())
    except binascii.Error:
        return False


def _secrets(variables: Values) -> Iterator[str]:
    if not any(name in variables for name in NAMES):
        yield "vault.yml: there are no secrets; run: make secrets ENV=<inventory>"
        return
    for name in NAMES:
        length = SECRET_LENGTHS.get(name, SECRET_LENGTH)
        value = str(variables.get(name, ""))
        if len(value) < length or len(set(value)) < length // 4:
            yield f"{name}: needs {length} characters or more, chosen by chance; {REMEDY}"


def _groups(groups: Values) -> Iterator[str]:
    for name in CLUSTERS:
        if len(groups.get(name, [])) == 2:
            yield (
                f"{name}: two hosts cannot agree who leads when one is lost; name one host in this "
                "group of the inventory, or three"
            )
    clusters = [name for name in CLUSTERS if len(groups.get(name, [])) > 1]
    for name in set(GROUPS) - set(clusters):
        if not groups.get(name) or (not clusters and groups[name] != groups["all"]):
            yield f"{name}: name the host in this group of the inventory; one host does everything"


def _environment(environment: Values) -> Iterator[str]:
    """What the API itself would refuse, told by the inventory's names."""
    if not environment:
        return
    for name in [name for name in os.environ if name.startswith("FIVEBOX_")]:
        del os.environ[name]
    os.environ.update({name: str(value) for name, value in environment.items()})
    known = {f"FIVEBOX_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(set(environment) - known):
        yield f"fivebox_api_settings: there is no {name}; see docs/settings.md"
    sources = _sources()
    try:
        load_settings()
    except SettingsError as error:
        for line in str(error).splitlines():
            name, _, message = line.partition(": ")
            yield f"{sources.get(name, name)}: {message}"


def _sources() -> dict[str, str]:
    """Which setting of the inventory a variable of the API comes from."""
    wired = yaml.safe_load(WIRING.read_text(encoding="utf-8"))["app_environment_auto"]
    found = {name: re.findall(r"\b(?:fivebox|vault)_\w+", text) for name, text in wired.items()}
    # A database's URL names its role before its password.
    return {name: words[-1] for name, words in found.items() if words}


if __name__ == "__main__":
    sys.exit(main())
