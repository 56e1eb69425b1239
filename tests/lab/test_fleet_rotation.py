"""Fresh secrets for a running fleet, under load."""

from pathlib import Path

from tests.lab.conftest import Api
from tests.lab.hosts import Host
from tests.lab.load import load
from tests.lab.rotation import rotated

RATE = 20


def test_secrets_of_a_fleet_change_and_no_request_is_lost(
    fleet: dict[str, Host],
    host: Host,
    api: Api,
    secrets: dict[str, str],
    token: str,
    tmp_path: Path,
) -> None:
    assert _asks_database(fleet, secrets["vault_database_app_password"]) == ""
    assert _asks_cache(fleet, secrets["vault_redis_password"]) == "PONG"
    operator, before = rotated(host)
    with load(api, tmp_path, RATE) as result:
        played = operator.play("rotate_secrets")
    assert not played.failed, played.output
    assert not played.told
    assert not any(secret in played.output for secret in before.values())
    assert result.failed == 0, result.figures
    assert result.figures["writes"] > 0
    # A token of before is good until it ends.
    assert api.ask("GET", "/v1/accounts/me", None, token).status == 200
    checks = api.ask("GET", "/health").json()["checks"]
    assert {check["status"] for check in checks.values()} == {"up"}
    # What was before opens nothing more, and what is now does.
    assert "password authentication failed" in _asks_database(
        fleet, before["database_app_password"]
    )
    assert _asks_database(fleet, operator.secrets["vault_database_app_password"]) == ""
    assert "PONG" not in _asks_cache(fleet, before["redis_password"])
    assert _asks_cache(fleet, operator.secrets["vault_redis_password"]) == "PONG"
    assert fleet["api1"].ssh("/usr/local/sbin/fivebox lock show").stdout == "free\n"
    again = operator.play("site")
    assert not again.failed
    assert not again.changed, again.output


def _asks_database(fleet: dict[str, Host], password: str) -> str:
    """What PostgreSQL has against a password of the API."""
    url = "postgresql://fivebox_app@localhost/fivebox?host=/run/postgresql"
    command = f"PGPASSWORD={password} psql '{url}' --quiet -c 'SELECT 1'"
    return fleet["database1"].ssh(command, check=False).stderr


def _asks_cache(fleet: dict[str, Host], password: str) -> str:
    """What Redis answers to a password of the API."""
    host = fleet["cache1"]
    tls = f"redis-cli --no-auth-warning -h {host.address} --tls --cacert /etc/fivebox-tls/ca.pem"
    return host.ssh(f"REDISCLI_AUTH={password} {tls} PING", check=False).stdout.strip()
