"""The part of scripts/check_inventory.py about how hosts are reached: addresses, users, keys."""

import base64
import binascii
import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

# RFC 5737 and RFC 3849; the inventories that are copied have them.
EXAMPLES = [
    ip_network(network)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
KEY_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-ed25519@", "sk-ecdsa-sha2-")

Values = dict[str, Any]


def address_faults(addresses: Values) -> Iterator[str]:
    """What is wrong with where the hosts are reached, one line a fault.

    Args:
        addresses: the ansible_host of each host that has one, by its name.
    """
    for host, address in addresses.items():
        if not address:
            yield f"ansible_host: {host} has none; put its address into hosts.yml"
        elif not _is_host(str(address)):
            yield f"ansible_host: {address} is no address; put that of {host} into hosts.yml"
        elif _is_example(str(address)):
            yield (
                f"ansible_host: {address} is the address of the example; put that of {host} into "
                "hosts.yml"
            )


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        # A name, also one of the operator's ssh configuration.
        return bool(re.fullmatch(r"(?![\d.]+$)\w[\w.-]*", text))
    return True


def _is_example(text: str) -> bool:
    try:
        return any(ip_address(text) in network for network in EXAMPLES)
    except ValueError:
        return False


def login_faults(variables: Values) -> Iterator[str]:
    """What would keep the operators out, one line a fault.

    Args:
        variables: all fivebox_* of the inventory.
    """
    for name in ("fivebox_admin_user", "fivebox_first_user"):
        if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", str(variables.get(name, "deploy"))):
            yield f"{name}: must be the name of a user, such as deploy"
    if variables.get("fivebox_admin_user") == "root":
        yield "fivebox_admin_user: root must not log in; name another user, which is made"
    keys = variables.get("fivebox_admin_keys")
    if not keys:
        yield "fivebox_admin_keys: list at least one public ssh key, or nobody can log in"
    elif not isinstance(keys, list):
        yield "fivebox_admin_keys: must be a list, such as [ssh-ed25519 AAAA…]"
    else:
        for key in keys:
            if not _is_key(str(key).split()):
                yield (
                    f"fivebox_admin_keys: {str(key)[:40]!r} is no public ssh key "
                    "(ssh-ed25519 AAAA…)"
                )


def _is_key(words: list[str]) -> bool:
    if len(words) < 2 or not words[0].startswith(KEY_TYPES):
        return False
    try:
        # RFC 4253, section 6.6: the blob begins with the type's length and name.
        return base64.b64decode(words[1], validate=True)[4:].startswith(words[0].encode())
    except binascii.Error:
        return False
