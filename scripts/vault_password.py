#!/usr/bin/env python3
"""Print the password of the vaults, from the file .vault-password at the project's root.

Ansible asks for it also when no vault is read, so that a missing file is an error only where there
is a vault.
"""

import sys
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / ".vault-password"

if __name__ == "__main__":
    if FILE.exists():
        print(FILE.read_text().strip())
    elif any(FILE.parent.glob("inventories/*/group_vars/all/vault.yml")):
        sys.exit(
            "There is no .vault-password at the project's root; it holds the password that "
            '"make secrets" made. Put your copy back.'
        )
    else:
        print("there is no vault yet")
