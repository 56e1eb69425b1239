"""Put fresh secrets into a vault and keep those before, for playbooks/rotate_secrets.yml.

`make rotate-secrets ENV=mine SECRETS="jwt database redis"`; SECRETS=forget drops those before.
"""

import sys

import yaml

from scripts.inventory import parse, vault, write_vault
from scripts.make_secrets import ROOT, fresh_secret

KINDS = {
    "jwt": ["jwt_secret"],
    "redis": ["redis_password"],
    "database": [
        f"database_{role}_password" for role in ("owner", "app", "analyst", "monitor", "backup")
    ],
}


def main(name: str, *kinds: str) -> None:
    """Change the vault of inventories/<name>.

    Args:
        name: of the inventory.
        kinds: of secrets, of KINDS; or only "forget".
    """
    unknown = set(kinds) - {*KINDS, "forget"}
    if unknown or not kinds:
        sys.exit(f"Say which secrets: {' '.join(KINDS)}, or forget")
    path = ROOT / "inventories" / name / "group_vars" / "all" / "vault.yml"
    if not path.exists():
        sys.exit(f"There is no {path.relative_to(ROOT)}; run: make secrets ENV={name}")
    values = parse(path, vault("view", path))
    before = values.pop("vault_before", {})
    if kinds == ("forget",) and not before:
        print(f"{path.relative_to(ROOT)} keeps no secrets from before: there is nothing to forget.")
        return
    if kinds != ("forget",):
        if before:
            sys.exit("Secrets are being rotated; finish that: run rotate_secrets.yml, then forget")
        names = [name for kind in kinds for name in KINDS[kind]]
        values["vault_before"] = {name: values[f"vault_{name}"] for name in names}
        values |= {f"vault_{name}": fresh_secret() for name in names}
    write_vault(path, yaml.safe_dump(values, sort_keys=False))
    print(f"{path.relative_to(ROOT)} is changed.")


if __name__ == "__main__":
    main(*sys.argv[1:])
