"""The part of scripts/check_inventory.py about groups, and about inventories of several hosts."""

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

from scripts import internal_ca

NEEDED = ("edge", "api", "database", "cache")
# Three or more hosts of these fail over by themselves.
CLUSTERS = ("database", "cache")

Values = dict[str, Any]


def group_faults(groups: Values) -> Iterator[str]:
    """What is wrong with the groups, one line a fault.

    Args:
        groups: the names of their hosts, by their names.
    """
    if not groups["all"]:
        yield "hosts.yml: it names no host; put yours there, with its address"
        return
    # A fleet may do without a monitor; one host watches itself.
    for name in NEEDED if len(groups["all"]) > 1 else (*NEEDED, "monitor"):
        if not groups.get(name):
            yield f"{name}: name a host in this group of the inventory; one host may do everything"
    for name in CLUSTERS:
        if len(groups.get(name, [])) == 2:
            yield (
                f"{name}: two hosts cannot agree who leads when one is lost; name one host in this "
                "group of the inventory, or three"
            )
    if len(groups.get("monitor", [])) > 1:
        yield "monitor: name one host in this group of the inventory; it has several"


def fleet_faults(given: Values) -> Iterator[str]:
    """What several hosts lack to reach each other, one line a fault.

    Args:
        given: what scripts/check_inventory.py reads.
    """
    # A name that is misspelt in a group makes a fleet of one host; what that lacks is no matter.
    strangers = [
        host for host, address in given["addresses"].items() if host == address and not _is_ip(host)
    ]
    if strangers:
        for host in strangers:
            yield f"{host}: has no address under all: hosts; add it, or mend the name in its group"
        return
    yield from _addresses(given["addresses"])
    if not all(given["variables"].get(name) for name in internal_ca.NAMES):
        yield f"{internal_ca.NAMES[0]}: there is none; run: make secrets ENV=<inventory>"
    yield from _monitor(given["groups"], given["variables"])
    yield from _files(given["groups"], given["environment"])
    databases = given["groups"].get("database", [])
    if len(databases) > 1 and not given["variables"].get("fivebox_backup_storage"):
        yield (
            "fivebox_backup_storage: any host of a database cluster may lead, so they need one "
            "storage for their backups; see docs/backup.md"
        )


def _addresses(addresses: Values) -> Iterator[str]:
    for host, address in addresses.items():
        if not _is_ip(address):
            yield f"fivebox_address: give {host} its IPv4 address in the private network"
    for address, count in Counter(addresses.values()).items():
        if count > 1:
            yield f"fivebox_address: {address} is of several hosts"


def _is_ip(address: Any) -> bool:
    try:
        IPv4Address(address)
    except ValueError:
        return False
    return True


def _monitor(groups: Values, variables: Values) -> Iterator[str]:
    """Its pages need a name that leads to it, and an nginx that serves them."""
    for host in groups.get("monitor", []):
        if host in groups.get("edge", []):
            if len(groups["edge"]) > 1:
                yield f"monitor: {host} is one of several edges; give the monitor a host of its own"
        elif host in groups.get("api", []):
            yield f"monitor: {host} is a host of the API; give the monitor a host of its own"
        elif not variables.get("fivebox_monitor_domain"):
            yield f"fivebox_monitor_domain: set it to a public name that leads to {host}"


def _files(groups: Values, environment: Values) -> Iterator[str]:
    """The backup of files is made on the host of the database."""
    if groups.get("api") == groups.get("database") or not environment:
        return
    if not environment.get("FIVEBOX_S3_ENDPOINT"):
        yield (
            "fivebox_api_settings: API hosts apart from the database need a bucket for the users' "
            "files: set FIVEBOX_S3_ENDPOINT and the four that go with it; see docs/files.md"
        )
