#!/usr/bin/env python3
"""Print the password of the vaults, from the file .vault-password at the project's root.

Without that file any vault stays closed; ansible then names the vault it cannot read.
"""

from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / ".vault-password"

if __name__ == "__main__":
    print(FILE.read_text().strip() if FILE.exists() else "no .vault-password file")
