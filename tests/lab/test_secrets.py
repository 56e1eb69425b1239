"""No secret where somebody else can read it."""

import pytest

from tests.lab.hosts import Host

NOBODY = "setpriv --reuid=nobody --regid=nogroup --clear-groups --"
FOLDERS = "/etc /opt/fivebox /var/lib /var/log /run /tmp /home /usr/local"
# What the drill saw of all processes while site.yml ran.
SEEN = "/root/processes-seen"
PLACES = {
    "journal": "journalctl --no-pager -o cat",
    "statement statistics": (
        "runuser -u postgres -- psql -Atd fivebox -c 'SELECT query FROM pg_stat_statements'"
    ),
    "log files": "find /var/log -type f -not -path '*/journal/*' -exec zcat -f {} +",
    "processes during the deploy": f"cat {SEEN}",
    "process list": f"{NOBODY} ps axeww -o args",
    "files": (
        f"cd /; {NOBODY} find {FOLDERS} -xdev -type f -size -512k -readable "
        "-not -path '*/site-packages/*' -exec cat {} + 2>/dev/null"
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_secrets_stay_secret(place: str, host: Host, secrets: dict[str, str]) -> None:
    # Some files end while they are read; what matters is what was read.
    text = host.ssh(f"{{ {PLACES[place]}; }} | tr -d '\\000'", check=False).stdout
    assert len(text) > 1000
    assert [name for name, value in secrets.items() if value in text] == []


def test_the_search_finds_what_is_readable(host: Host) -> None:
    host.ssh("umask 022; echo planted-for-the-search > /etc/planted")
    found = host.ssh(f"{PLACES['files']} | grep -c planted-for-the-search", check=False).stdout
    host.ssh("rm /etc/planted")
    assert int(found) > 0
