"""The part of scripts/check_inventory.py about backups."""

import re
from collections.abc import Iterator
from typing import Any

NEEDED = ("endpoint", "bucket", "region")
OPTIONAL = ("path_style", "ca")
STORAGES = ("backup_storage", "backup_copy")
KEYS = tuple(f"vault_{name}_{key}" for name in STORAGES for key in ("access_key", "secret_key"))


def backup_faults(variables: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the settings of backups, one line a fault.

    Args:
        variables: all fivebox_* and vault_* of the inventory.
    """
    for name in STORAGES:
        storage = variables.get(f"fivebox_{name}") or {}
        if not isinstance(storage, dict):
            yield f"fivebox_{name}: needs {', '.join(NEEDED)}; see docs/backup.md"
        elif storage:
            yield from _storage_faults(variables, name, storage)
    main, copy = (variables.get(f"fivebox_{name}") or {} for name in STORAGES)
    if copy and all(main.get(part) == copy.get(part) for part in ("endpoint", "bucket")):
        yield "fivebox_backup_copy: is the same bucket; a copy needs another place"
    days = variables.get("fivebox_backup_days", 30)
    if isinstance(days, bool) or not str(days).isdigit() or not 1 <= int(days) <= 9999:
        yield f"fivebox_backup_days: {days} is no number of days from 1 to 9999"


def _storage_faults(variables: dict[str, Any], name: str, storage: dict[str, Any]) -> Iterator[str]:
    for part in NEEDED:
        if not storage.get(part):
            yield f"fivebox_{name}: {part} is missing; see docs/backup.md"
    for part in sorted(set(storage) - {*NEEDED, *OPTIONAL}):
        yield f"fivebox_{name}: there is no {part}; its keys go into the vault, see docs/backup.md"
    endpoint = str(storage.get("endpoint") or "")
    if endpoint and not re.fullmatch(r"https://[a-z0-9.-]*[a-z][a-z0-9.-]*(:\d+)?/?", endpoint):
        yield f"fivebox_{name}: {endpoint} is no address such as https://s3.example.com"
    if "ca" in storage and "BEGIN CERTIFICATE" not in str(storage["ca"]):
        yield f"fivebox_{name}: ca must be a certificate (-----BEGIN CERTIFICATE-----)"
    for key in ("access_key", "secret_key"):
        secret = f"vault_{name}_{key}"
        if not variables.get(secret):
            yield (
                f"{secret}: fivebox_{name} needs it; "
                "ansible-vault edit inventories/<inventory>/group_vars/all/vault.yml"
            )
