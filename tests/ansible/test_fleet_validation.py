"""What an inventory of several hosts lacks is told before a host is asked anything."""

import re
from pathlib import Path

import pytest
import yaml

from scripts import internal_ca
from tests.ansible.test_validation import KEYS, ROOT, SOUND, STORAGE, validate

BUCKET = {
    "FIVEBOX_S3_ENDPOINT": "https://s3.example.com",
    "FIVEBOX_S3_BUCKET": "files",
    "FIVEBOX_S3_REGION": "eu-central-1",
    "FIVEBOX_S3_ACCESS_KEY": "key",
    "FIVEBOX_S3_SECRET_KEY": "secret",
}
FLEET = {
    **SOUND,
    **internal_ca.make(),
    "fivebox_api_settings": BUCKET,
    "fivebox_monitor_domain": "monitor.example.com",
}
THREE = ("{ database1: null }", "{ database1: null, api1: null, api2: null }")
MONITOR = "monitor: { hosts: { monitor1: null } }"


def test_a_sound_fleet_passes(tmp_path: Path) -> None:
    code, output = validate(tmp_path, FLEET, inventory_name="fleet")
    assert code == 0, output


def test_a_fleet_may_leave_out_what_need_not_be_set(tmp_path: Path) -> None:
    code, output = validate(tmp_path, FLEET, inventory_name="fleet", bare=True)
    assert code == 0, output


@pytest.mark.parametrize(
    ("hosts", "line"),
    [
        (("api: { hosts: {", "other: { hosts: {"), "api: name a host in this group of the"),
        (
            ("{ database1: null }", "{ database1: null, api1: null }"),
            "database: two hosts cannot agree who leads when one is lost",
        ),
        (
            ("{ cache1: null }", "{ cache1: null, api1: null }"),
            "cache: two hosts cannot agree who leads when one is lost",
        ),
        (THREE, "fivebox_backup_storage: any host of a database cluster may lead"),
        (("fivebox_address: 10.0.0.20", "fivebox_address: web"), "fivebox_address: give api1 its"),
        (
            ("fivebox_address: 10.0.0.20", "fivebox_address: 10.0.0.21"),
            "fivebox_address: 10.0.0.21 is of several",
        ),
        (
            (MONITOR, "monitor: { hosts: { edge1: null } }"),
            "monitor: edge1 is one of several",
        ),
        ((MONITOR, "monitor: { hosts: { api1: null } }"), "monitor: api1 is a host of the API"),
    ],
    ids=str,
)
def test_a_wrong_fleet_is_named(tmp_path: Path, hosts: tuple[str, str], line: str) -> None:
    code, output = validate(tmp_path, FLEET, inventory_name="fleet", hosts=hosts)
    assert code != 0
    assert line in " ".join(output.split())
    assert "(2/6)" not in output


def test_a_fleet_without_an_authority_is_told_how_to_make_one(tmp_path: Path) -> None:
    settings = {name: value for name, value in FLEET.items() if "_ca_" not in name}
    code, output = validate(tmp_path, settings, inventory_name="fleet")
    assert code != 0
    assert "vault_internal_ca_key: there is none; run: make secrets ENV=<inventory>" in output


def test_a_host_may_be_named_by_its_address(tmp_path: Path) -> None:
    edge = "edge2: { ansible_host: 203.0.113.11, fivebox_address: 10.0.0.11 }"
    group = "edge: { hosts: { edge1: null, edge2: null } }"
    whole = (ROOT / "inventories/fleet/hosts.yml").read_text()
    named = whole.replace(edge, "10.0.0.11: {}").replace(group, group.replace("edge2", "10.0.0.11"))
    code, output = validate(tmp_path, FLEET, inventory_name="fleet", hosts=(whole, named))
    assert code == 0, output


def test_a_cluster_with_a_storage_passes(tmp_path: Path) -> None:
    settings = FLEET | {"fivebox_backup_storage": STORAGE} | KEYS
    code, output = validate(tmp_path, settings, inventory_name="fleet", hosts=THREE)
    assert code == 0, output


def test_a_fleet_may_do_without_a_monitor(tmp_path: Path) -> None:
    settings = FLEET | {"fivebox_monitor_domain": ""}
    code, output = validate(tmp_path, settings, inventory_name="fleet", hosts=(MONITOR, ""))
    assert code == 0, output


def test_a_monitor_without_a_name_is_told(tmp_path: Path) -> None:
    settings = FLEET | {"fivebox_monitor_domain": ""}
    code, output = validate(tmp_path, settings, inventory_name="fleet")
    assert code != 0
    line = "fivebox_monitor_domain: set it to a public name that leads to monitor1"
    assert line in " ".join(output.split())


def test_api_hosts_apart_from_the_database_without_a_bucket_are_refused(tmp_path: Path) -> None:
    code, output = validate(tmp_path, FLEET | {"fivebox_api_settings": {}}, inventory_name="fleet")
    assert code != 0
    assert "API hosts apart from the database need a bucket" in " ".join(output.split())


def test_no_playbook_relies_on_what_need_not_be_set() -> None:
    shown = (ROOT / "inventories/single/group_vars/all/settings.yml").read_text()
    optional = set(yaml.safe_load(shown)) - set(SOUND)
    used = re.compile(rf"\b({'|'.join(optional)})\b(?!:)(?! \| default\(| is )")
    faults = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / "playbooks").rglob("*.yml")
        for line in path.read_text().splitlines()
        if not line.strip().startswith("#") and used.search(line)
    ]
    assert faults == []


def test_the_settings_of_all_inventories_are_the_same() -> None:
    single, staging, fleet = (
        list(yaml.safe_load((ROOT / f"inventories/{name}/group_vars/all/settings.yml").read_text()))
        for name in ("single", "staging", "fleet")
    )
    fleet.remove("fivebox_monitor_domain")
    assert fleet == staging == single
