"""Fresh secrets for a running host, under load, as the runbook of a leaked secret has it."""

from pathlib import Path

import pytest
import yaml

from scripts.rotate_secrets import KINDS
from tests.lab import project
from tests.lab.conftest import Api
from tests.lab.hosts import Host
from tests.lab.load import load
from tests.lab.playbooks import Operator, Play
from tests.lab.runbooks import Desk, Runbook

RATE = 10
PSQL = "runuser -u postgres -- psql -qd fivebox -c"
# What the runbook ends is needed by other tests.
REVIVE = (
    "UPDATE devices SET revoked_at = NULL, revoked_reason = NULL "
    "WHERE revoked_at = (SELECT max(revoked_at) FROM devices)"
)


@pytest.fixture
def mine(tmp_path: Path, secrets: dict[str, str]) -> Path:
    """The operator's project, with the lab's secrets."""
    # What a run before left on a host that was kept.
    kept = {name: value for name, value in secrets.items() if name != "vault_before"}
    return project.make(tmp_path / "project", kept)


@pytest.fixture
def plays() -> list[Play]:
    return []


@pytest.fixture
def rotating(host: Host, api: Api, mine: Path, tmp_path: Path, plays: list[Play]) -> Desk:
    """The machine of the operator, whose playbooks have what the vault has."""

    def play(name: str, *words: str) -> Play:
        path = host.folder / "variables.yml"
        values = yaml.safe_load(path.read_text()) | project.opened(mine)
        path.write_text(yaml.safe_dump(values))
        operator = Operator.find(host)
        if plays:
            plays.append(operator.play(name, *words))
            return plays[-1]
        _fails_once(host, operator)
        with load(api, tmp_path, RATE) as result:
            plays.append(operator.play(name, *words))
        assert result.failed == 0, result.figures
        return plays[-1]

    return Desk(host, api.root, tmp_path, play, mine)


def test_secrets_change_and_no_request_is_lost(
    host: Host, api: Api, rotating: Desk, mine: Path, token: str, plays: list[Play]
) -> None:
    with Runbook("secret-leaked", __file__, rotating) as book:
        book.run(1)
        [played] = plays
        before = project.opened(mine)["vault_before"]
        assert before.keys() == {name for kind in KINDS.values() for name in kind}
        assert not played.told
        assert not any(secret in played.output for secret in before.values())
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
        again = Operator.find(host).play("site")
        assert not again.failed
        assert not again.changed, again.output
        book.run(2)
        assert "vault_before" not in project.opened(mine)
        _change_by_hand(book, rotating, mine)
        _end_sessions(book, host, api, token)


def _fails_once(host: Host, operator: Operator) -> None:
    """A run that fails is over: it may be run again, and nothing that works was touched."""
    early = operator.play("site")
    assert early.failed
    assert "vault_before: the API still uses secrets of before" in " ".join(early.output.split())
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


def _change_by_hand(book: Runbook, desk: Desk, mine: Path) -> None:
    changed = "'s/^vault_dashboard_password: .*/vault_dashboard_password: changed/'"
    desk.environment["EDITOR"] = f"sed -i {changed}"
    fresh, _ = book.run(3)
    assert len(fresh.strip()) == 48
    assert project.opened(mine)["vault_dashboard_password"] == "changed"
    password = (mine / ".vault-password").read_text()
    book.run(4)
    assert (mine / ".vault-password").read_text() != password
    assert (mine / ".vault-password").stat().st_mode & 0o077 == 0
    assert project.opened(mine)["vault_dashboard_password"] == "changed"


def _end_sessions(book: Runbook, host: Host, api: Api, token: str) -> None:
    book.run(5, host)
    try:
        assert api.ask("GET", "/v1/accounts/me", None, token).status == 401
    finally:
        host.ssh(f'cd / && {PSQL} "{REVIVE}"')
    assert api.ask("GET", "/v1/accounts/me", None, token).status == 200
    assert "rows.written" in book.run(6, host)[0]
