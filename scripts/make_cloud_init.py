"""Print user data that makes a fresh VPS ready for site.yml: `make cloud-init ENV=mine`.

It does what bootstrap.yml does, on the first boot: no log-in as root is needed.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from scripts.check_access import login_faults
from scripts.inventory import listed

ROOT = Path(__file__).resolve().parent.parent


def main(name: str) -> None:
    """Print the user data for the hosts of inventories/<name>.

    Args:
        name: of the inventory.
    """
    inventory = ROOT / "inventories" / name
    if not (inventory / "hosts.yml").is_file():
        sys.exit(f"There is no inventories/{name}")
    hosts = listed(inventory)["_meta"]["hostvars"]
    if not hosts:
        sys.exit(f"inventories/{name}/hosts.yml: it names no host")
    settings: dict[str, Any] = next(iter(hosts.values()))
    # Whoever is kept out by a host's first boot has no second way in.
    faults = "\n".join(login_faults(settings))
    if faults:
        sys.exit(faults)
    user = settings.get("fivebox_admin_user", "deploy")
    print(user_data(user, settings["fivebox_admin_keys"]), end="")


def user_data(user: str, keys: list[str]) -> str:
    """Cloud-init's user data.

    Args:
        user: of the operators.
        keys: their public ssh keys.
    """
    config = {
        "users": [
            {
                "name": user,
                "shell": "/bin/bash",
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "lock_passwd": True,
                "ssh_authorized_keys": keys,
            }
        ],
        "ssh_pwauth": False,
        "disable_root": True,
        "package_update": True,
        "packages": ["python3", "python3-apt", "sudo"],
    }
    return "#cloud-config\n" + yaml.safe_dump(config, sort_keys=False, width=10_000)


if __name__ == "__main__":
    main(*sys.argv[1:])
