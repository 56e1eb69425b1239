"""Print user data that makes a fresh VPS ready for site.yml: `make cloud-init ENV=mine`.

It does what bootstrap.yml does, on the first boot: no log-in as root is needed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


def main(name: str) -> None:
    """Print the user data for the hosts of inventories/<name>.

    Args:
        name: of the inventory.
    """
    if not (ROOT / "inventories" / name / "hosts.yml").is_file():
        sys.exit(f"There is no inventories/{name}")
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-inventory", "-i", f"inventories/{name}", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr.strip())
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    settings: dict[str, Any] = next(iter(hosts.values()), {})
    keys = settings.get("fivebox_admin_keys") or []
    if not keys:
        sys.exit(f"fivebox_admin_keys: list at least one public ssh key in inventories/{name}")
    print(user_data(settings.get("fivebox_admin_user") or "deploy", keys), end="")


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
