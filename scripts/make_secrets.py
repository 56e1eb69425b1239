"""Write the vault of an inventory, with fresh secrets, encrypted: `make secrets ENV=mine`.

A vault that exists gets what it lacks; what it has stays.
"""

import secrets
import string
import sys
from pathlib import Path
from textwrap import indent

from scripts import internal_ca
from scripts.inventory import parse, vault, write_vault

ROOT = Path(__file__).resolve().parent.parent

PASSWORD = ROOT / ".vault-password"
NAMES = (
    "vault_jwt_secret",
    "vault_password_pepper",
    "vault_database_owner_password",
    "vault_database_app_password",
    "vault_database_analyst_password",
    "vault_database_monitor_password",
    "vault_database_backup_password",
    "vault_database_replication_password",
    "vault_redis_password",
    "vault_backup_passphrase",
    "vault_dashboard_password",
)
LENGTH = 48


def main(name: str) -> None:
    """Make the vault of inventories/<name>, or add to it.

    Args:
        name: of the inventory.
    """
    inventory = ROOT / "inventories" / name
    if not (inventory / "hosts.yml").is_file():
        sys.exit(
            f"There is no inventories/{name}; first: cp -r inventories/single inventories/{name}"
        )
    path = inventory / "group_vars" / "all" / "vault.yml"
    text = vault("view", path) if path.exists() else "---\n"
    present = parse(path, text) or {}
    made = {key: fresh_secret() for key in NAMES} | internal_ca.make()
    missing = {key: value for key, value in made.items() if key not in present}
    # The two belong together.
    if len(missing.keys() & set(internal_ca.NAMES)) == 1:
        sys.exit(f"{path.relative_to(ROOT)} has one of {' and '.join(internal_ca.NAMES)}: mend it")
    if not missing:
        print(f"{path.relative_to(ROOT)} has all secrets; none is overwritten")
        return
    if not PASSWORD.exists():
        PASSWORD.touch(mode=0o600)
        PASSWORD.write_text(fresh_secret() + "\n")
    text = text.rstrip("\n") + "\n" + "".join(_line(*item) for item in missing.items())
    write_vault(path, text)
    print(
        f"{path.relative_to(ROOT)} is written: {', '.join(missing)}. Its password is in "
        ".vault-password: keep a copy elsewhere, and never commit it."
    )


def _line(key: str, value: str) -> str:
    return f"{key}: |\n{indent(value, '  ')}" if "\n" in value else f"{key}: {value}\n"


def fresh_secret() -> str:
    """A new secret."""
    # Letters and digits only: these go into URLs and environment files.
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(LENGTH))


if __name__ == "__main__":
    main(*sys.argv[1:])
