"""Expand first, contract a release later: what the linter and deploy.yml make of a migration."""

import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from scripts import release_migrations
from scripts.lint_migrations import findings

STEPS = {
    "drop a column": "ALTER TABLE habits DROP COLUMN icon;",
    "drop a table": "DROP TABLE habits;",
    "rename a column": "ALTER TABLE habits RENAME COLUMN icon TO picture;",
    "rename a table": "ALTER TABLE habits RENAME TO customs;",
    "change a type": "ALTER TABLE habits ALTER COLUMN icon TYPE bigint;",
    "drop a function": "-- A note.\nDROP FUNCTION IF EXISTS icon_of(uuid, text) CASCADE;",
    "drop a view": "drop view analytics.habits, analytics.icons;",
    "drop a policy": "DROP POLICY own ON habits; CREATE POLICY own ON icons USING (true);",
    "drop a constraint": "ALTER TABLE habits DROP CONSTRAINT short, DROP CONSTRAINT positive;",
    "drop a constraint of another table": (
        "ALTER TABLE habits DROP CONSTRAINT short;\n"
        "ALTER TABLE icons ADD CONSTRAINT short CHECK (length(name) < 9) NOT VALID;"
    ),
    "revoke a right": "REVOKE SELECT (icon) ON TABLE habits FROM fivebox_app;",
    "revoke a role": "REVOKE fivebox_analyst FROM fivebox_app;",
    "replace, and drop": (
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1$$; DROP FUNCTION f;"
    ),
}
# What nobody misses.
REMADE = {
    "a function anew": (
        "DROP FUNCTION icon_of(uuid);\n"
        "CREATE FUNCTION icon_of(habit uuid) RETURNS text LANGUAGE sql AS $$SELECT 'x'$$;"
    ),
    "a view anew": "DROP VIEW analytics.habits; CREATE VIEW analytics.habits AS SELECT 1 AS one;",
    "a policy anew": "DROP POLICY own ON habits; CREATE POLICY own ON habits USING (true);",
    "a constraint anew": (
        "ALTER TABLE habits DROP CONSTRAINT short;\n"
        "ALTER TABLE habits ADD CONSTRAINT short CHECK (length(name) < 9) NOT VALID;"
    ),
    "rights on what is new": (
        "CREATE FUNCTION icon_of() RETURNS text LANGUAGE sql AS $$SELECT 'x'$$;\n"
        "REVOKE EXECUTE ON FUNCTION icon_of() FROM PUBLIC;"
    ),
    "words of a text": "INSERT INTO notes (text) VALUES ('it''s; DROP VIEW analytics.habits');",
    "words of a body": (
        "CREATE FUNCTION clear() RETURNS void LANGUAGE sql AS $$ SELECT 1;\n"
        "REVOKE ALL ON habits FROM PUBLIC; $$;"
    ),
}


@pytest.fixture(autouse=True)
def _squawk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.parametrize("sql", STEPS.values(), ids=list(STEPS))
def test_a_contract_step_must_be_announced(sql: str) -> None:
    assert findings("0008", sql, announced=False)
    assert not findings("0008", sql, announced=True)


def test_an_expanding_step_needs_no_word() -> None:
    assert not findings("0008", "ALTER TABLE habits ADD COLUMN picture text;", announced=False)


@pytest.mark.parametrize("sql", REMADE.values(), ids=list(REMADE))
def test_what_a_migration_makes_itself_is_no_loss(sql: str) -> None:
    assert not findings("0008", sql, announced=False)


def test_an_announcement_excuses_nothing_else() -> None:
    assert findings("0008", "CREATE INDEX by_icon ON habits (icon);", announced=True)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A release with three migrations, of which the last contracts."""
    folder = tmp_path / "migrations/versions"
    folder.mkdir(parents=True)
    (folder / "0001_a.py").write_text('revision = "0001"\ndown_revision = None\n')
    (folder / "0002_b.py").write_text('revision: str = "0002"\ndown_revision = "0001"\n')
    contract = 'revision = "0003"\ndown_revision = "0002"\ncontract = "nobody reads it"\n'
    (folder / "0003_c.py").write_text(contract)
    with tarfile.open(tmp_path / "release.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "migrations", "migrations")
    return tmp_path / "release.tar.gz"


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ("", [["0001", None], ["0002", None], ["0003", "nobody reads it"]]),
        ("0002", [["0003", "nobody reads it"]]),
        ("0003", []),
        ("0009", []),
    ],
)
def test_the_migrations_after_a_revision(
    archive: Path, capsys: pytest.CaptureFixture[str], current: str, expected: list[list[str]]
) -> None:
    release_migrations.main(str(archive), current)
    listed = json.loads(capsys.readouterr().out)["pending"]
    assert [[step["revision"], step["contract"]] for step in listed] == expected


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ("", []),
        ("0003", []),
        ("0004", []),
        ("0006", [{"revision": "0005", "contract": "renamed"}]),
        ("0009", None),
    ],
)
def test_what_was_contracted_since_a_release(
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    current: str,
    expected: list[dict[str, str]] | None,
) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(tmp_path / "migrations/versions", ours)
    for number, more in ((4, ""), (5, 'contract = "renamed"\n'), (6, "")):
        text = f'revision = "{number:04}"\ndown_revision = "{number - 1:04}"\n{more}'
        (ours / f"{number:04}_x.py").write_text(text)
    monkeypatch.setattr(release_migrations, "OURS", ours)
    release_migrations.main(str(archive), current)
    assert json.loads(capsys.readouterr().out)["contracted"] == expected
