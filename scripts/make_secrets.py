"""Write the vault of an inventory, with fresh secrets, encrypted: `make secrets ENV=mine`."""

import secrets
import string
import subprocess
import sys
from pathlib import Path

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
)
LENGTH = 48


def main(name: str) -> None:
    """Make the vault of inventories/<name>; one that exists is left alone.

    Args:
        name: of the inventory.
    """
    inventory = ROOT / "inventories" / name
    if not (inventory / "hosts.yml").is_file():
        sys.exit(
            f"There is no inventories/{name}; first: cp -r inventories/single inventories/{name}"
        )
    vault = inventory / "group_vars" / "all" / "vault.yml"
    if vault.exists():
        sys.exit(f"{vault.relative_to(ROOT)} exists; it is never overwritten")
    if not PASSWORD.exists():
        PASSWORD.touch(mode=0o600)
        PASSWORD.write_text(_secret() + "\n")
    text = "---\n" + "".join(f"{key}: {_secret()}\n" for key in NAMES)
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-vault", "encrypt", "--output", vault, "-"],
        input=text,
        text=True,
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr.strip())
    vault.chmod(0o600)
    print(
        f"{vault.relative_to(ROOT)} is written. Its password is in .vault-password: "
        "keep a copy elsewhere, and never commit it."
    )


def _secret() -> str:
    # Letters and digits only: these go into URLs and environment files.
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(LENGTH))


if __name__ == "__main__":
    main(*sys.argv[1:])
