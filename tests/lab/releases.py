"""Releases for the lab: that of the drill under another version, and such as are broken."""

import io
import json
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.hosts import Host
from tests.lab.load import Result
from tests.lab.playbooks import ROOT, Operator

# Around the moment at which the traffic moves.
CUTOVER_SECONDS = 6
# How many times p99 may be then what it was before.
SLOWER = 3
DIST = ROOT / "dist"
UPSTREAM = "/etc/nginx/fivebox-active.conf"
ENTRY = "wsgi.py"
LAST = "migrations/versions/9999_lab.py"
MIGRATION = '''"""Of the lab.

Revision ID: 9999
"""

from alembic import op

revision = "9999"
down_revision = "{before}"
{announced}

def upgrade() -> None:
    op.execute("{statement}")


def downgrade() -> None:
    op.execute("SELECT 1")
'''
# Appended to the entry: its database is never there.
DOWN = """
from app.operations.health import add_check


def of_the_lab():
    raise OSError("not there")


add_check(app, "database", of_the_lab)
"""
# Appended to the entry; the probes of a cutover do not ask for habits.
BEFORE_HABITS = """

@app.before_request
def of_the_lab():
    from flask import request
    import time

    if request.path.startswith("/v1/habits"):
        {statement}
"""


def build(version: str, **added: str) -> Path:
    """Build a release from that of the drill.

    Args:
        version: of the new one.
        added: text to append to files of the release, by kind: entry, packages, or migration (SQL).

    Returns:
        path of the archive.
    """
    source = DIST / (DIST / "latest").read_text()
    target = DIST / f"fivebox-{version}.tar.gz"
    with tarfile.open(source) as old, tarfile.open(target, "w:gz", compresslevel=1) as new:
        for member in old.getmembers():
            content = old.extractfile(member)
            data = content.read() if content else b""
            if member.name == "VERSION":
                data = f"{version}\n".encode()
            elif member.name == ENTRY:
                data += added.get("entry", "").encode()
            elif member.name.startswith("requirements-"):
                data += added.get("packages", "").encode()
            _add(new, member, data)
        if "migration" in added:
            names = sorted(Path(name).name for name in old.getnames() if "versions/0" in name)
            text = MIGRATION.format(
                before=names[-1].partition("_")[0],
                statement=added["migration"],
                announced=f"contract = {added['contract']!r}\n" if "contract" in added else "",
            )
            _add(new, tarfile.TarInfo(LAST), text.encode())
    return target


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, data: bytes) -> None:
    if member.isfile():
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    else:
        archive.addfile(member)


def before(operator: Operator) -> tuple[float, float]:
    """Run a playbook that changes nothing, to compare with.

    The controller works on the machine that the hosts are on, which makes them slower by itself.

    Args:
        operator: who runs it.

    Returns:
        when it began and when it ended, in seconds since the epoch.
    """
    begun = time.time()
    played = operator.play("status")
    assert not played.failed, played.output
    return begun, time.time()


def deploys_and_rollbacks(
    operator: Operator, archives: list[Path], before: str
) -> Iterator[tuple[str, str, float]]:
    """Deploy each release, and roll back.

    Args:
        operator: who does it.
        archives: of the releases.
        before: the release that is served.

    Yields:
        after each: deploy or rollback, the release that is served now, and when it began, in
        seconds since the epoch.

    Raises:
        AssertionError: a playbook failed, or printed a secret.
    """
    for archive in archives:
        version = archive.name.removeprefix("fivebox-").removesuffix(".tar.gz")
        for verb, expected in (("deploy", version), ("rollback", before)):
            started = time.time()
            options = ("-e", f"fivebox_release={archive}") if verb == "deploy" else ()
            played = operator.play(verb, *options)
            assert not played.failed, played.output
            assert not played.told, played.told
            yield verb, expected, started


@contextmanager
def nginx_led_astray(host: Host) -> Iterator[None]:
    """Somebody wrote a slot's own socket into nginx by hand."""
    slot = json.loads(host.ssh("/usr/local/sbin/fivebox slot show").stdout)["slot"]
    kept = host.ssh(f"cat {UPSTREAM}").stdout
    host.ssh(f"sed -i s/api.sock/{slot}.sock/ {UPSTREAM} && systemctl reload nginx")
    try:
        yield
    finally:
        host.ssh(f"cat > {UPSTREAM} <<'END'\n{kept}END\nsystemctl reload nginx")


def moved(host: Host) -> float:
    """When the traffic moved last on a host, in seconds since the epoch."""
    return float(host.ssh("stat --format=%.Y /opt/fivebox/active").stdout)


def p99_around(result: Result, at: float) -> float:
    """The 99th percentile of latency around a cutover.

    Args:
        result: of the load meanwhile.
        at: the moment, in seconds since the epoch.

    Returns:
        milliseconds.
    """
    return result.p99(at - CUTOVER_SECONDS, at + CUTOVER_SECONDS)
