"""Each wrong setting ends the run before a host is asked anything, with one line that names it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.make_secrets import NAMES

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).parent / "ansible-playbook"

Settings = dict[str, Any]

SECRETS = {name: hashlib.sha256(name.encode()).hexdigest() for name in NAMES}
SECRET = SECRETS["vault_jwt_secret"]
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIGf3Ij7s0vd8C2Ak4RXgFQzIvYXpkvmqhQvmhbZDeW5A"
SOUND: Settings = {
    "fivebox_domain": "api.example.com",
    "fivebox_email": "operator@example.com",
    "fivebox_admin_keys": [f"ssh-ed25519 {KEY} operator"],
    "fivebox_check_dns": False,
    "ansible_connection": "local",
    "fivebox_release": str(ROOT / "VERSION"),
    **SECRETS,
}
STORAGE = {"endpoint": "https://s3.example.com", "bucket": "b", "region": "r"}
OTHER_HOST = {
    "host": "backup.example.com",
    "user": "fivebox",
    "path": "/srv/backups",
    "known_hosts": f"backup.example.com ssh-ed25519 {KEY}",
}
KEYS = {"vault_backup_storage_access_key": "a", "vault_backup_storage_secret_key": "s"}
SSH_KEY = {"vault_backup_storage_ssh_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}
FACTS: Settings = {
    "_ansible_facts_gathered": True,
    "ansible_distribution": "Debian",
    "ansible_distribution_version": "12.9",
    "ansible_distribution_major_version": "12",
    "ansible_memtotal_mb": 2000,
    "ansible_architecture": "x86_64",
}


Case = tuple[Settings, str]

WRONG: list[Case] = [
    ({"fivebox_domain": ""}, "fivebox_domain: set it to the public name of the API"),
    (
        {"fivebox_domain": "https://api.example.com"},
        "fivebox_domain: https://api.example.com is",
    ),
    ({"fivebox_domain": "API.example.com"}, "fivebox_domain: API.example.com is no name such"),
    ({"fivebox_domain": "localhost"}, "fivebox_domain: localhost is no name such as"),
    ({"fivebox_email": "nobody"}, "fivebox_email: set it to your e-mail address"),
    ({"fivebox_environment": "development"}, "fivebox_environment: must be staging or"),
    ({"fivebox_admin_user": "root"}, "fivebox_admin_user: root must not log in"),
    ({"fivebox_admin_keys": []}, "fivebox_admin_keys: list at least one public ssh key"),
    ({"fivebox_admin_keys": ["/home/me/id.pub"]}, "fivebox_admin_keys: '/home/me/id.pub' is"),
    (
        {"fivebox_admin_keys": ["ssh-foo AAAA"]},
        "fivebox_admin_keys: 'ssh-foo AAAA' is no public",
    ),
    (
        {"fivebox_rate_limit": "100 in 15 minutes"},
        "fivebox_rate_limit: must be a limit such as",
    ),
    ({"fivebox_rate_limit_login": ""}, "fivebox_rate_limit_login: must be a limit such as"),
    ({"fivebox_rate_limit_sync": "often"}, "fivebox_rate_limit_sync: must be a limit such as"),
    ({"fivebox_products": ["spoons"]}, "fivebox_products: there is no product 'spoons'"),
    (
        {"fivebox_registration": "maybe"},
        "fivebox_registration: input should be a valid boolean",
    ),
    (
        {"fivebox_cors_origins": ["app.example.com"]},
        "fivebox_cors_origins: 'app.example.com' is",
    ),
    (
        {"fivebox_trusted_proxies": ["10.0.0.0/99"]},
        "fivebox_trusted_proxies: '10.0.0.0/99' does",
    ),
    (
        {"fivebox_trusted_proxies": "10.0.0.0/8"},
        "fivebox_trusted_proxies: must be a list, such as [10.0.0.0/8]",
    ),
    (
        {"fivebox_cors_origins": "https://app.example.com"},
        "fivebox_cors_origins: must be a list, such as [https://app.example.com]",
    ),
    ({"fivebox_products": "habits"}, "fivebox_products: must be a list, such as [habits]"),
    ({"fivebox_alert_emails": "me@example.com"}, "fivebox_alert_emails: must be a list, such"),
    (
        {"fivebox_api_settings": {"FIVEBOX_MAIL": "a"}},
        "fivebox_api_settings: there is no FIVEBOX_MAIL",
    ),
    ({"fivebox_watch_seconds": "long"}, "fivebox_watch_seconds: must be a number above 0"),
    (
        {"fivebox_watch_seconds": 300, "fivebox_lock_minutes": "5"},
        "fivebox_watch_seconds: the lock would expire after 5 minutes",
    ),
    ({"fivebox_standby_minutes": -1}, "fivebox_standby_minutes: must be a number above 0, or 0"),
    ({"fivebox_watch_p95_ms": 0}, "fivebox_watch_p95_ms: must be a number above 0"),
    ({"fivebox_monitoring": "maybe"}, "fivebox_monitoring: must be true or false"),
    ({"fivebox_verify_alert": "maybe"}, "fivebox_verify_alert: must be true or false"),
    ({"fivebox_alert_emails": ["me"]}, "fivebox_alert_emails: 'me' is no e-mail address"),
    (
        {"fivebox_runbooks_url": "https://x.example/runbooks"},
        "fivebox_runbooks_url: must end with a slash",
    ),
    ({"vault_alert_webhook_url": "hooks"}, "vault_alert_webhook_url: must be an address"),
    ({"vault_alert_heartbeat_url": "ping"}, "vault_alert_heartbeat_url: must be an address"),
    (
        {
            "vault_api_settings": {
                "FIVEBOX_SMTP_URL": "smtps://mail.example.com:2465",
                "FIVEBOX_MAIL_FROM": "a@example.com",
            }
        },
        "vault_api_settings: FIVEBOX_SMTP_URL: alerts go by smtps:// on port",
    ),
    (
        {"fivebox_domian": "a"},
        "fivebox_domian: there is no such setting; is fivebox_domain meant?",
    ),
    (
        {"fivebox_backup_storage": STORAGE | {"bucket": ""}} | KEYS,
        "fivebox_backup_storage: bucket is missing; see docs/backup.md",
    ),
    (
        {"fivebox_backup_storage": STORAGE | {"endpoint": "http://s3.example.com"}} | KEYS,
        "fivebox_backup_storage: http://s3.example.com is no address such as https://",
    ),
    (
        {"fivebox_backup_storage": STORAGE | {"endpoint": "https://192.0.2.1"}} | KEYS,
        "fivebox_backup_storage: https://192.0.2.1 is no address such as https://",
    ),
    (
        {"fivebox_backup_storage": STORAGE | {"secret_key": "x"}} | KEYS,
        "fivebox_backup_storage: there is no secret_key; its keys go into the vault",
    ),
    (
        {"fivebox_backup_storage": STORAGE | {"ca": "/etc/ca.pem"}} | KEYS,
        "fivebox_backup_storage: ca must be a certificate",
    ),
    (
        {"fivebox_backup_storage": OTHER_HOST | {"path": "backups"}} | SSH_KEY,
        "fivebox_backup_storage: path backups is no folder such as /srv/backups",
    ),
    (
        {"fivebox_backup_storage": OTHER_HOST | {"known_hosts": KEY}} | SSH_KEY,
        "fivebox_backup_storage: known_hosts must be what ssh-keyscan backup.example.com",
    ),
    (
        {"fivebox_backup_storage": OTHER_HOST | {"user": "-oProxyCommand=x"}} | SSH_KEY,
        "fivebox_backup_storage: user -oProxyCommand=x is no name of an account",
    ),
    (
        {"fivebox_backup_storage": OTHER_HOST | {"port": 0}} | SSH_KEY,
        "fivebox_backup_storage: port 0 is no port",
    ),
    (
        {"fivebox_backup_storage": OTHER_HOST},
        "vault_backup_storage_ssh_key: fivebox_backup_storage needs it",
    ),
    (
        {"fivebox_backup_storage": OTHER_HOST, "vault_backup_storage_ssh_key": KEY},
        "vault_backup_storage_ssh_key: is no private key",
    ),
    ({"fivebox_backup_days": 0}, "fivebox_backup_days: 0 is no number of days from 1"),
    ({"vault_jwt_secret": SECRET[:31]}, "vault_jwt_secret: needs 32 characters or more"),
    ({"vault_jwt_secret": "a" * 48}, "vault_jwt_secret: needs 32 characters or more, chosen"),
    ({"vault_jwt_secret": 12345678}, "vault_jwt_secret: needs 32 characters or more"),
    (
        {"fivebox_monitor_domain": "monitor"},
        "fivebox_monitor_domain: monitor is no name such as",
    ),
    ({"vault_dashboard_password": "short"}, "vault_dashboard_password: needs 16 characters"),
    ({"vault_redis_password": "short"}, "vault_redis_password: needs 16 characters or more"),
    (
        {"fivebox_domain": "api.name-without-address.invalid", "fivebox_check_dns": True},
        "fivebox_domain: api.name-without-address.invalid has no address yet",
    ),
    (
        {"fivebox_release": "", "fivebox_latest_release": ""},
        "fivebox_release: there is no such release; run: make release",
    ),
    ({"fivebox_domain": "203.0.113.10"}, "fivebox_domain: 203.0.113.10 is no name such as"),
    (
        {"fivebox_api_settings": [{"FIVEBOX_MAIL_FROM": "a@example.com"}]},
        "fivebox_api_settings: must be names with values, such as {FIVEBOX_MAIL_FROM: …}",
    ),
    (
        {"fivebox_api_settings": "FIVEBOX_MAIL_FROM"},
        "fivebox_api_settings: must be names with values",
    ),
    (
        {"vault_api_settings": "FIVEBOX_SMTP_URL"},
        "vault_api_settings: must be names with values",
    ),
    (
        {"fivebox_admin_keys": f"ssh-ed25519 {KEY}"},
        "fivebox_admin_keys: must be a list, such as [ssh-ed25519 AAAA…]",
    ),
    (
        {"vault_redis_password": "p@ss:word/#%" * 2},
        "vault_redis_password: may have only letters, digits and - . _ ~ + =, as it is in a URL",
    ),
    (
        {"vault_database_app_password": "p@ss:word/#%" * 2},
        "vault_database_app_password: may have only letters, digits",
    ),
]


def validate(
    folder: Path,
    changed: Settings,
    facts: Settings | None = None,
    missing: Sequence[str] = (),
    known: bool = True,
    inventory_name: str = "single",
    hosts: tuple[str, str] = ("", ""),
    bare: bool = False,
) -> tuple[int, str]:
    """Run playbooks/validate.yml on a copy of an inventory.

    The facts of the host come from a cache, so that none is connected to.

    Args:
        folder: an empty one, for the inventory and the cache.
        changed: settings that differ from SOUND.
        facts: facts that differ from FACTS.
        missing: settings of SOUND to leave out.
        known: whether the facts of the hosts are known already.
        inventory_name: of the inventory.
        hosts: a text of its hosts.yml, and what stands there instead.
        bare: leave out all settings of the inventory but those in SOUND.

    Returns:
        The exit code, and what was printed.
    """
    inventory = folder / "inventory"
    shutil.copytree(ROOT / "inventories" / inventory_name, inventory)
    hosts_file = inventory / "hosts.yml"
    assert hosts[0] in hosts_file.read_text()
    hosts_file.write_text(hosts_file.read_text().replace(*hosts, 1))
    (inventory / "group_vars" / "all" / "vault.yml").unlink(missing_ok=True)
    if bare:
        (inventory / "group_vars" / "all" / "settings.yml").write_text("{}\n")
    cache = folder / "facts"
    cache.mkdir()
    # The names of cached facts begin with the version of their schema, and the facts are wrapped.
    payload = json.dumps(FACTS | (facts or {}))
    if known:
        for name in yaml.safe_load(hosts_file.read_text())["all"]["hosts"]:
            (cache / f"s1_{name}").write_text(json.dumps({"__payload__": payload}))
    settings = {name: value for name, value in (SOUND | changed).items() if name not in missing}
    variables = folder / "variables.json"
    variables.write_text(json.dumps(settings))
    done = subprocess.run(
        [PROGRAM, "-i", inventory, ROOT / "playbooks" / "validate.yml", "-e", f"@{variables}"],
        cwd=ROOT,
        env=os.environ
        | {
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache),
            "ANSIBLE_CACHE_PLUGIN_PREFIX": "",
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["single", "staging", "lab"])
def test_a_sound_inventory_passes(tmp_path: Path, name: str) -> None:
    code, output = validate(tmp_path, {"lab_address": "192.0.2.1"}, inventory_name=name)
    assert code == 0, output


@pytest.mark.parametrize("name", ["single", "staging"])
def test_what_need_not_be_set_may_be_missing(tmp_path: Path, name: str) -> None:
    code, output = validate(tmp_path, {}, inventory_name=name, bare=True)
    assert code == 0, output


def test_further_settings_may_be_empty(tmp_path: Path) -> None:
    empty = {"fivebox_api_settings": None, "vault_api_settings": None}
    code, output = validate(tmp_path, empty)
    assert code == 0, output


def test_what_is_missing_is_as_the_inventory_shows_it(tmp_path: Path) -> None:
    wired = "app_environment", "nginx_trusted_proxies", "fivebox_watched", "prometheus_runbooks_url"
    texts = []
    for bare in (False, True):
        folder = tmp_path / str(bare)
        folder.mkdir()
        validate(folder, {}, bare=bare)
        command = ["ansible", "-i", "inventory", "-e", "@variables.json", "--playbook-dir"]
        message = f"msg={{{{ [{', '.join(wired)}] }}}}"
        done = subprocess.run(
            [*command, ROOT / "playbooks", "all", "-m", "debug", "-a", message],
            executable=PROGRAM.with_name("ansible"),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        texts.append(done.stdout)
    assert "FIVEBOX_RATE_LIMIT_LOGIN" in texts[0]
    assert texts[0] == texts[1]


def blamed(case: Case) -> str:
    """The setting that the line of a case names."""
    return case[1].partition(":")[0]


def batches(cases: Sequence[Case]) -> list[list[Case]]:
    """Cases that one run can try together: none changes or blames a setting of another."""
    found: list[list[Case]] = []
    taken: list[set[str]] = []
    for case in cases:
        names = {*case[0], blamed(case)}
        free = [index for index, others in enumerate(taken) if not names & others]
        if free:
            found[free[0]].append(case)
            taken[free[0]] |= names
        else:
            found.append([case])
            taken.append(names)
    return found


@pytest.mark.parametrize("cases", batches(WRONG), ids=lambda cases: " ".join(map(blamed, cases)))
def test_a_wrong_setting_is_named(tmp_path: Path, cases: list[Case]) -> None:
    changed = {name: value for settings, _ in cases for name, value in settings.items()}
    code, output = validate(tmp_path, changed)
    assert code != 0
    text = " ".join(output.split())
    assert [line for _, line in cases if line not in text] == []
    # No host was asked, not even for its facts; no other setting is blamed.
    assert "(2/6)" not in output
    named = set(re.findall(r"\b((?:fivebox|vault)_\w+): ", output))
    assert named == set(map(blamed, cases))


def test_all_faults_are_shown_at_once_and_no_secret(tmp_path: Path) -> None:
    changed = {"fivebox_domain": "", "fivebox_email": "", "vault_redis_password": "hunter2"}
    code, output = validate(tmp_path, changed)
    assert code != 0
    # One fault each, although the API would refuse some for reasons of its own. (Ansible prints it
    # in two forms.)
    told = [set(re.findall(rf'{name}: ([^\n"\\]+)', output)) for name in changed]
    assert [len(faults) for faults in told] == [1, 1, 1], output
    assert "hunter2" not in output
    assert not any(secret in output for secret in SECRETS.values())


@pytest.mark.parametrize("missing", [NAMES[:1], NAMES[1:]], ids=["one", "the others"])
def test_a_missing_secret_is_named_with_the_remedy(tmp_path: Path, missing: list[str]) -> None:
    code, output = validate(tmp_path, {}, missing=missing)
    assert code != 0
    assert set(re.findall(r"\b(\w+): needs", output)) == set(missing)
    assert "ansible-vault edit" in output


def test_a_missing_vault_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    code, output = validate(tmp_path, {}, missing=list(NAMES))
    assert code != 0
    assert "there are no secrets; run: make secrets ENV=" in output


@pytest.mark.parametrize(
    ("address", "line"),
    [
        (
            "203.0.113.10",
            "203.0.113.10 is the address of the example; put that of box into hosts.yml",
        ),
        ("203.0.113.300", "203.0.113.300 is no address; put that of box into hosts.yml"),
        ("root@10.0.0.5", "root@10.0.0.5 is no address"),
        ('""', "box has none; put its address into hosts.yml"),
        ("", "box has none; put its address into hosts.yml"),
    ],
)
def test_an_address_that_leads_nowhere_is_named(tmp_path: Path, address: str, line: str) -> None:
    hosts = "203.0.113.10", address
    code, output = validate(tmp_path, {}, missing=["ansible_connection"], hosts=hosts)
    assert code != 0
    assert f"ansible_host: {line}" in " ".join(output.split())
    assert "(2/6)" not in output


@pytest.mark.parametrize("address", ["10.0.0.5", "'2a01:4f8::1'", "box.example.com", "my_box"])
def test_an_address_that_may_lead_somewhere_passes(tmp_path: Path, address: str) -> None:
    hosts = "203.0.113.10", address
    code, output = validate(tmp_path, {}, missing=["ansible_connection"], hosts=hosts)
    assert code == 0, output


def test_a_misspelt_host_of_a_group_is_named(tmp_path: Path) -> None:
    hosts = "api: { hosts: { box: } }", "api: { hosts: { bx: } }"
    code, output = validate(tmp_path, {}, hosts=hosts)
    assert code != 0
    assert "bx: has no address under all: hosts; add it, or mend the name" in output
    # It is no fleet, and is not told what one needs.
    assert re.findall(r"\b((?:fivebox|vault)_\w+): ", output) == []


def test_an_inventory_without_hosts_is_refused(tmp_path: Path) -> None:
    whole = (ROOT / "inventories/single/hosts.yml").read_text()
    code, output = validate(tmp_path, {}, known=False, hosts=(whole, "all:\n"))
    assert code != 0
    assert "hosts.yml: it names no host; put yours there, with its address" in output


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            {"ansible_distribution": "Ubuntu", "ansible_distribution_version": "24.04"},
            "box: Debian 12 or 13 is needed, this is Ubuntu 24.04",
        ),
        (
            {"ansible_distribution_version": "11.9", "ansible_distribution_major_version": "11"},
            "box: Debian 12 or 13 is needed, this is Debian 11.9",
        ),
        (
            {"ansible_architecture": "aarch64"},
            "box: an x86_64 processor is needed, this is aarch64",
        ),
        ({"ansible_memtotal_mb": 480}, "box: 1 GiB of memory is needed, it has 480 MiB"),
    ],
    ids=str,
)
def test_an_unfit_host_is_named(tmp_path: Path, facts: Settings, line: str) -> None:
    code, output = validate(tmp_path, {}, facts)
    assert code != 0
    assert line in output


def test_the_name_is_looked_up_unless_told_otherwise(tmp_path: Path) -> None:
    name = "api.name-without-address.invalid"
    code, output = validate(
        tmp_path, {"fivebox_domain": name}, missing=["fivebox_check_dns"], bare=True
    )
    assert code != 0
    assert f"fivebox_domain: {name} has no address yet" in output


def test_no_secret_is_printed(tmp_path: Path) -> None:
    _, output = validate(tmp_path, {"vault_jwt_secret": "hush-hush"})
    assert "hush-hush" not in output


def test_the_settings_of_a_host_never_met_are_checked(tmp_path: Path) -> None:
    code, output = validate(tmp_path, {"fivebox_domain": ""}, known=False)
    assert code != 0
    assert "fivebox_domain: set it to the public name of the API" in output


def test_a_storage_without_its_keys_is_named(tmp_path: Path) -> None:
    code, output = validate(tmp_path, {"fivebox_backup_storage": STORAGE})
    assert code != 0
    for key in KEYS:
        assert f"{key}: fivebox_backup_storage needs it" in " ".join(output.split())


def test_a_copy_in_the_same_bucket_is_refused(tmp_path: Path) -> None:
    copy_keys = {name.replace("storage", "copy"): "k" for name in KEYS}
    settings = {"fivebox_backup_storage": STORAGE, "fivebox_backup_copy": STORAGE}
    code, output = validate(tmp_path, settings | KEYS | copy_keys)
    assert code != 0
    line = "fivebox_backup_copy: is the same bucket; a copy needs another place"
    assert line in " ".join(output.split())
