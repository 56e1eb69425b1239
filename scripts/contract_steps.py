"""Find what a migration takes from the release before where squawk sees nothing, or too much.

Functions, views, policies and constraints that are dropped, and rights that are revoked. What the
migration makes itself, or makes anew after it dropped it, is no loss.
"""

import re
from collections.abc import Iterator

KINDS = r"FUNCTION|PROCEDURE|ROUTINE|MATERIALIZED VIEW|VIEW|POLICY"
# Texts and comments, in which the words mean nothing.
SILENT = re.compile(r"(\$\w*\$).*?\1|'[^']*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
DROP = re.compile(rf"DROP ({KINDS}) (?:IF EXISTS )?(.+?)(?: CASCADE| RESTRICT)?", re.IGNORECASE)
CREATE = re.compile(
    rf"CREATE (OR REPLACE )?(?:TEMP(?:ORARY)? |RECURSIVE )*(?:({KINDS}|TABLE|SEQUENCE|SCHEMA)) "
    r"(?:IF NOT EXISTS )?([\w.\"]+)(?: ON ([\w.\"]+))?",
    re.IGNORECASE,
)
REVOKE = re.compile(r"REVOKE .*?(?: ON (.+?))? FROM .+", re.IGNORECASE)
ALTER = re.compile(r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?([\w.\"]+) (.+)", re.IGNORECASE)
CONSTRAINT = re.compile(r"\b(DROP|ADD) CONSTRAINT (?:IF EXISTS )?([\w\"]+)", re.IGNORECASE)
RIGHTS_ON = re.compile(rf"(?:{KINDS}|TABLE|SEQUENCE|SCHEMA) ", re.IGNORECASE)


def losses(sql: str) -> list[str]:
    """Statements of a migration that take something away.

    Args:
        sql: what it runs.

    Returns:
        each statement on one line.
    """
    statements = [" ".join(text.split()) for text in SILENT.sub("", sql).split(";")]
    return [
        statement
        for at, statement in enumerate(statements)
        if set(_taken(statement)) - _made(statements[:at], statements[at + 1 :])
    ]


def _taken(statement: str) -> Iterator[str]:
    """Names of what a statement drops, or revokes rights on."""
    if drop := DROP.fullmatch(statement):
        yield from _names(drop[2])
    elif revoke := REVOKE.fullmatch(statement):
        # Without ON it is about membership in a role.
        yield from _names(RIGHTS_ON.sub("", revoke[1] or statement, count=1))
    yield from _constraints("DROP", statement)


def _names(listed: str) -> Iterator[str]:
    # Without the arguments of functions.
    for name in re.sub(r"\([^)]*\)", "", listed).split(","):
        yield name.strip().lower()


def _made(before: list[str], after: list[str]) -> set[str]:
    """Names that are new before a statement, or are there again after it."""
    new = {name for name, replaced in _creations(before) if not replaced}
    added = {name for text in before + after for name in _constraints("ADD", text)}
    return new | added | {name for name, _ in _creations(after)}


def _creations(statements: list[str]) -> Iterator[tuple[str, bool]]:
    for created in filter(None, map(CREATE.match, statements)):
        replaced, kind, name, table = created.groups()
        # A policy's name is its table's.
        full = f"{name} on {table}" if kind.upper() == "POLICY" else name
        yield full.lower(), bool(replaced)


def _constraints(verb: str, statement: str) -> Iterator[str]:
    """Names of the constraints, with their table's, that a statement drops or adds."""
    if alter := ALTER.fullmatch(statement):
        for found, name in CONSTRAINT.findall(alter[2]):
            if found.upper() == verb:
                yield f"{name} on {alter[1]}".lower()
