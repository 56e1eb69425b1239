"""Pack an inventory and its vault into one file: `make backup-config ENV=mine TO=folder`."""

import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from scripts.inventory import ENCRYPTED, ROOT
from scripts.inventory import vault as open_vault


def main(name: str, target: str) -> None:
    """Pack inventories/<name>, after proving that its vault opens.

    Args:
        name: of the inventory.
        target: folder that gets the file.
    """
    inventory = ROOT / "inventories" / name
    vault = inventory / "group_vars" / "all" / "vault.yml"
    if not vault.is_file():
        sys.exit(f"There is no {vault.relative_to(ROOT)}; first: make secrets ENV={name}")
    if not vault.read_text().startswith(ENCRYPTED):
        sys.exit(f"{vault.relative_to(ROOT)} is not encrypted; ansible-vault encrypt it first")
    try:
        open_vault("view", vault)
    except SystemExit as error:
        sys.exit(f"{vault.relative_to(ROOT)} does not open: {error}")
    folder = Path(target).expanduser()
    if not folder.is_dir():
        sys.exit(f"{folder} is no folder; name one on another machine or disk: TO=folder")
    packed = folder / f"fivebox-{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz"
    with packed.open("xb") as file:
        packed.chmod(0o600)
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            archive.add(inventory, f"inventories/{name}")
    print(
        f"{packed} is written. It opens only with .vault-password, which is not in it: "
        "keep that in another place."
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
