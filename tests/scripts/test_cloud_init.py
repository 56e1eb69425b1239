"""`make cloud-init` prints no user data that would lock the operators out."""

from pathlib import Path

import pytest
import yaml

from tests.mine import SETTINGS, run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGf3Ij7s0vd8C2Ak4RXgFQzIvYXpkvmqhQvmhbZDeW5A ada"


def put(project: Path, **changed: object) -> None:
    """Change settings of the inventory."""
    file = project / SETTINGS
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changed))


def test_the_operators_user_gets_the_keys(project: Path) -> None:
    put(project, fivebox_admin_user="ada", fivebox_admin_keys=[KEY])
    done = run(project, "make_cloud_init")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("#cloud-config\n")
    (user,) = yaml.safe_load(done.stdout)["users"]
    assert (user["name"], user["ssh_authorized_keys"]) == ("ada", [KEY])


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "fivebox_admin_keys: list at least one public ssh key, or nobody can log in"),
        (
            {"fivebox_admin_keys": ["/root/.ssh/id.pub"]},
            "fivebox_admin_keys: '/root/.ssh/id.pub' is no public ssh key",
        ),
        (
            {"fivebox_admin_keys": KEY},
            "fivebox_admin_keys: must be a list, such as [ssh-ed25519 AAAA…]",
        ),
        (
            {"fivebox_admin_keys": [KEY], "fivebox_admin_user": "root"},
            "fivebox_admin_user: root must not log in",
        ),
    ],
    ids=["no key", "path", "text", "root"],
)
def test_what_would_lock_one_out_is_named(
    project: Path, changed: dict[str, object], line: str
) -> None:
    put(project, **changed)
    done = run(project, "make_cloud_init")
    assert done.returncode == 1
    assert not done.stdout
    assert done.stderr.startswith(line)


def test_an_inventory_without_hosts_is_named(project: Path) -> None:
    (project / "inventories/mine/hosts.yml").write_text("all:\n")
    done = run(project, "make_cloud_init")
    assert done.returncode == 1
    assert done.stderr == "inventories/mine/hosts.yml: it names no host\n"
