"""The part of scripts/check_inventory.py about backups."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """What a storage of one kind is made of."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    keys: tuple[str, ...]
    place: tuple[str, ...]


S3 = Kind(
    ("endpoint", "bucket", "region"),
    ("path_style", "ca"),
    ("access_key", "secret_key"),
    ("endpoint", "bucket"),
)
SSH = Kind(("host", "user", "path", "known_hosts"), ("port",), ("ssh_key",), ("host", "path"))
STORAGES = ("backup_storage", "backup_copy")
KEYS = tuple(f"vault_{name}_{key}" for name in STORAGES for key in (*S3.keys, *SSH.keys))


def backup_faults(variables: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the settings of backups, one line a fault.

    Args:
        variables: all fivebox_* and vault_* of the inventory.
    """
    for name in STORAGES:
        storage = variables.get(f"fivebox_{name}") or {}
        if not isinstance(storage, dict):
            yield (
                f"fivebox_{name}: needs {', '.join(S3.needed)}, or {', '.join(SSH.needed)}; "
                "see docs/backup.md"
            )
        elif storage:
            yield from _storage_faults(variables, name, storage)
    main, copy = (variables.get(f"fivebox_{name}") or {} for name in STORAGES)
    if isinstance(main, dict) and isinstance(copy, dict) and copy:
        place = _kind(copy).place
        if all(main.get(part) == copy.get(part) for part in place):
            yield f"fivebox_backup_copy: is the same {place[1]}; a copy needs another place"
    days = variables.get("fivebox_backup_days", 30)
    if isinstance(days, bool) or not str(days).isdigit() or not 1 <= int(days) <= 9999:
        yield f"fivebox_backup_days: {days} is no number of days from 1 to 9999"


def _kind(storage: dict[str, Any]) -> Kind:
    return SSH if "host" in storage else S3


def _storage_faults(variables: dict[str, Any], name: str, storage: dict[str, Any]) -> Iterator[str]:
    kind = _kind(storage)
    for part in kind.needed:
        if not storage.get(part):
            yield f"fivebox_{name}: {part} is missing; see docs/backup.md"
    for part in sorted(set(storage) - {*kind.needed, *kind.optional}):
        yield f"fivebox_{name}: there is no {part}; its keys go into the vault, see docs/backup.md"
    yield from (f"fivebox_{name}: {fault}" for fault in _value_faults(storage))
    for key in kind.keys:
        secret = f"vault_{name}_{key}"
        if not variables.get(secret):
            yield (
                f"{secret}: fivebox_{name} needs it; "
                "ansible-vault edit inventories/<inventory>/group_vars/all/vault.yml"
            )
        elif key == "ssh_key" and "PRIVATE KEY-----" not in str(variables[secret]):
            yield f"{secret}: is no private key (-----BEGIN OPENSSH PRIVATE KEY-----)"


def _value_faults(storage: dict[str, Any]) -> Iterator[str]:
    endpoint = str(storage.get("endpoint") or "")
    if endpoint and not re.fullmatch(r"https://[a-z0-9.-]*[a-z][a-z0-9.-]*(:\d+)?/?", endpoint):
        yield f"{endpoint} is no address such as https://s3.example.com"
    if "ca" in storage and "BEGIN CERTIFICATE" not in str(storage["ca"]):
        yield "ca must be a certificate (-----BEGIN CERTIFICATE-----)"
    host = str(storage.get("host") or "")
    if host and not re.fullmatch(r"[A-Za-z0-9.:-]+", host):
        yield f"host {host} is no name or address"
    user = str(storage.get("user") or "")
    if user and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", user):
        yield f"user {user} is no name of an account"
    path = str(storage.get("path") or "")
    if path and not re.fullmatch(r"/[A-Za-z0-9/._-]*", path):
        yield f"path {path} is no folder such as /srv/backups"
    port = storage.get("port", 22)
    if isinstance(port, bool) or not str(port).isdigit() or not 1 <= int(port) <= 65535:
        yield f"port {port} is no port"
    known = str(storage.get("known_hosts") or "")
    if known and not re.search(r"^\S+ (ssh|ecdsa)-\S+ AAAA", known, re.MULTILINE):
        yield f"known_hosts must be what ssh-keyscan {host} prints"
