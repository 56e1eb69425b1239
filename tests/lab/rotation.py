"""Fresh secrets beside those before, as `make rotate-secrets` puts them into a vault."""

import yaml

from scripts.make_secrets import fresh_secret
from scripts.rotate_secrets import KINDS
from tests.lab.hosts import Host
from tests.lab.playbooks import Operator


def rotated(host: Host) -> tuple[Operator, dict[str, str]]:
    """Change the secrets in the operator's variables.

    Args:
        host: that the public name leads to.

    Returns:
        the operator, who knows the fresh ones, and those before.
    """
    path = Operator.find(host).variables
    values = yaml.safe_load(path.read_text())
    names = [name for kind in KINDS.values() for name in kind]
    before = {name: values[f"vault_{name}"] for name in names}
    values |= {f"vault_{name}": fresh_secret() for name in names} | {"vault_before": before}
    path.write_text(yaml.safe_dump(values))
    return Operator.find(host), before
