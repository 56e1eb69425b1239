"""Fresh secrets for a running host, under load."""

from pathlib import Path

from tests.lab.conftest import Api
from tests.lab.hosts import Host
from tests.lab.load import load
from tests.lab.playbooks import Operator
from tests.lab.rotation import rotated

RATE = 10


def test_secrets_change_and_no_request_is_lost(
    host: Host, api: Api, token: str, tmp_path: Path
) -> None:
    operator, before = rotated(host)
    _fails_once(host, operator)
    with load(api, tmp_path, RATE) as result:
        played = operator.play("rotate_secrets")
    assert not played.failed, played.output
    assert not played.told
    assert not any(secret in played.output for secret in before.values())
    assert result.failed == 0, result.figures
    # A token of before is good until it ends.
    assert api.ask("GET", "/v1/accounts/me", None, token).status == 200
    checks = api.ask("GET", "/health").json()["checks"]
    assert {check["status"] for check in checks.values()} == {"up"}
    # What was before opens nothing more.
    url = "postgresql://fivebox_app@localhost/fivebox?host=/run/postgresql"
    used = f"PGPASSWORD={before['database_app_password']} psql '{url}' -c 'SELECT 1'"
    refused = host.ssh(used, check=False)
    assert "password authentication failed" in refused.stderr
    asked = f"REDISCLI_AUTH={before['redis_password']} redis-cli PING"
    assert "PONG" not in host.ssh(asked, check=False).stdout
    again = operator.play("site")
    assert not again.failed
    assert not again.changed, again.output


def _fails_once(host: Host, operator: Operator) -> None:
    """A run that fails is over: it may be run again, and nothing that works was touched."""
    owner = host.ssh("cat /etc/fivebox/owner.env").stdout
    host.ssh("systemctl stop postgresql")
    try:
        played = operator.play("rotate_secrets")
    finally:
        host.ssh("systemctl start postgresql")
    assert played.failed
    assert "mend it, then run this again" in " ".join(played.output.split())
    assert host.ssh("/usr/local/sbin/fivebox lock show").stdout == "free\n"
    assert host.ssh("cat /etc/fivebox/owner.env").stdout == owner
