"""Check the settings of an inventory; what is wrong is printed, one line a fault.

The playbooks call it before they ask a host anything, with JSON on standard input: `variables` (all
fivebox_* and vault_*), `environment` (of the API), `groups`, `hosts` (where ssh reaches them), and
`release` (path of the archive).
"""

import difflib
import json
import math
import os
import re
import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.settings import Settings, SettingsError, load_settings  # noqa: E402
from scripts import internal_ca  # noqa: E402
from scripts.check_access import address_faults, login_faults  # noqa: E402
from scripts.check_backup import KEYS, backup_faults  # noqa: E402
from scripts.check_fleet import fleet_faults, group_faults  # noqa: E402
from scripts.make_secrets import NAMES  # noqa: E402

SETTINGS = ROOT / "inventories/single/group_vars/all/settings.yml"
WIRING = ROOT / "playbooks/group_vars/all.yml"
# Named on the command line, or in the vault when there is need.
FURTHER = {
    "fivebox_release",
    "fivebox_monitor_domain",
    "vault_api_settings",
    "vault_before",
    "vault_alert_webhook_url",
    "vault_alert_heartbeat_url",
    *KEYS,
}
SECRET_LENGTHS = {"vault_jwt_secret": 32, "vault_password_pepper": 32}
SECRET_LENGTH = 16
# What else is in them would end the password there.
OF_URLS = ("vault_database_owner_password", "vault_database_app_password", "vault_redis_password")
NUMBERS = (
    "fivebox_watch_seconds",
    "fivebox_watch_error_percent",
    "fivebox_watch_p95_ms",
    "fivebox_lock_minutes",
    "fivebox_verify_rate",
    "fivebox_verify_p95_ms",
)
LISTS = (
    "fivebox_products",
    "fivebox_cors_origins",
    "fivebox_trusted_proxies",
    "fivebox_alert_emails",
)
MAPPINGS = ("fivebox_api_settings", "vault_api_settings")
REMEDY = "mend it: ansible-vault edit inventories/<inventory>/group_vars/all/vault.yml"

Values = dict[str, Any]


def main() -> int:
    """Print the faults; the exit status is 1 when there are any."""
    given = json.load(sys.stdin)
    faults = list(_faults(given))
    print("\n".join(dict.fromkeys(faults)))
    return 1 if faults else 0


def _faults(given: Values) -> Iterator[str]:
    of_inventory = list(_inventory(given))
    yield from of_inventory
    named = {fault.partition(":")[0] for fault in of_inventory}
    for fault in _environment(given["environment"]):
        # What is missing here is missing there too; it is said once.
        if fault.partition(":")[0] not in named:
            yield fault


def _inventory(given: Values) -> Iterator[str]:
    variables = given["variables"]
    yield from _unknown(variables)
    yield from _settings(variables)
    yield from login_faults(variables)
    yield from address_faults(given["hosts"])
    yield from _alerts(variables, given["environment"])
    yield from _secrets(variables)
    yield from backup_faults(variables)
    yield from group_faults(given["groups"])
    if len(given["groups"]["all"]) > 1:
        yield from fleet_faults(given)
    if not Path(given["release"] or "none").is_file():
        yield "fivebox_release: there is no such release; run: make release"


def _unknown(variables: Values) -> Iterator[str]:
    known = {*_keys(SETTINGS), *_keys(WIRING), *FURTHER, *NAMES, *internal_ca.NAMES}
    for name in sorted(set(variables) - known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; is {close[0]} meant?" if close else ""
        yield f"{name}: there is no such setting{hint}"


def _keys(path: Path) -> set[str]:
    names = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name for name in names if name.startswith("fivebox_")}


def _settings(variables: Values) -> Iterator[str]:
    domain = str(variables.get("fivebox_domain") or "")
    if not domain:
        yield "fivebox_domain: set it to the public name of the API, such as api.example.com"
    elif not _is_name(domain):
        yield f"fivebox_domain: {domain} is no name such as api.example.com (lower case, no https://)"
    elif variables.get("fivebox_check_dns", True) and not _has_address(domain):
        yield f"fivebox_domain: {domain} has no address yet; add a DNS record for the host"
    monitor = str(variables.get("fivebox_monitor_domain") or domain)
    if monitor != domain and not _is_name(monitor):
        yield f"fivebox_monitor_domain: {monitor} is no name such as monitor.example.com"
    if not _is_address(variables.get("fivebox_email")):
        yield "fivebox_email: set it to your e-mail address; the certificate authority needs one"
    if variables.get("fivebox_environment", "production") not in ("staging", "production"):
        yield "fivebox_environment: must be staging or production"
    for name in NUMBERS:
        if not _is_number(variables.get(name, 1)):
            yield f"{name}: must be a number above 0"
    standby = variables.get("fivebox_standby_minutes", 15)
    if not _is_number(standby) and str(standby) != "0":
        yield "fivebox_standby_minutes: must be a number above 0, or 0"
    for name in LISTS:
        # Ansible would take a text for the list of its letters.
        if not isinstance(variables.get(name) or [], list):
            yield f"{name}: must be a list, such as [{variables[name]}]"
    for name in MAPPINGS:
        if not isinstance(variables.get(name) or {}, dict):
            yield f"{name}: must be names with values, such as {{FIVEBOX_MAIL_FROM: …}}"
    watch, minutes = (
        variables.get(name, default)
        for name, default in (("fivebox_watch_seconds", 120), ("fivebox_lock_minutes", 30))
    )
    if _is_number(watch) and _is_number(minutes) and float(watch) >= 60 * float(minutes):
        yield (
            f"fivebox_watch_seconds: the lock would expire after {minutes} minutes "
            "(fivebox_lock_minutes)"
        )
    for network in _list(variables, "fivebox_trusted_proxies"):
        try:
            ip_network(str(network))
        except ValueError as error:
            yield f"fivebox_trusted_proxies: {error}"


def _is_name(domain: str) -> bool:
    labels = domain.split(".")
    # What ends with a number is an address.
    return (
        len(labels) > 1
        and not labels[-1].isdigit()
        and all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", label) for label in labels)
    )


def _is_number(value: Any) -> bool:
    try:
        return 0 < float(value) < math.inf
    except (TypeError, ValueError):
        return False


def _is_address(text: Any) -> bool:
    return bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(text or "")))


def _alerts(variables: Values, environment: Values) -> Iterator[str]:
    if not isinstance(variables.get("fivebox_monitoring", True), bool):
        yield "fivebox_monitoring: must be true or false"
    # Of the command line it is a text.
    if str(variables.get("fivebox_verify_alert", True)).lower() not in ("true", "false"):
        yield "fivebox_verify_alert: must be true or false"
    for address in _list(variables, "fivebox_alert_emails"):
        if not _is_address(address):
            yield f"fivebox_alert_emails: {address!r} is no e-mail address"
    if not str(variables.get("fivebox_runbooks_url") or "docs/runbooks/").endswith("/"):
        yield "fivebox_runbooks_url: must end with a slash; the name of a runbook follows"
    for name in ("vault_alert_webhook_url", "vault_alert_heartbeat_url"):
        # The address itself is a secret.
        if not re.match(r"https?://[^/\s]+", str(variables.get(name) or "https://none")):
            yield f"{name}: must be an address such as https://hooks.example.com/…"
    server = urlsplit(str(environment.get("FIVEBOX_SMTP_URL", "")))
    if server.scheme == "smtps" and server.port not in (None, 465):
        yield (
            "vault_api_settings: FIVEBOX_SMTP_URL: alerts go by smtps:// on port 465 only; or use "
            "smtp:// (STARTTLS)"
        )


def _list(variables: Values, name: str) -> list[Any]:
    value = variables.get(name)
    return value if isinstance(value, list) else []


def _has_address(domain: str) -> bool:
    try:
        return bool(socket.getaddrinfo(domain, None))
    except OSError:
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
        elif name in OF_URLS and not re.fullmatch(r"[A-Za-z0-9._~+=-]+", value):
            only = "may have only letters, digits and - . _ ~ + =, as it is in a URL"
            yield f"{name}: {only}; {REMEDY}"


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
    # The secret of a URL, not what else it is made of.
    return {
        name: next((word for word in words if word.startswith("vault_")), words[-1])
        for name, words in found.items()
        if words
    }


if __name__ == "__main__":
    sys.exit(main())
