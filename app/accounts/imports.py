"""Taking over accounts of another system, with their bcrypt hashes.

All or nothing: every line is read and checked before the first is written, and one transaction
writes them. An address that has an account already is left as it is, so a repeat changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, ValidationError
from sqlalchemy.dialects.postgresql import insert

from app.accounts.models import User
from app.accounts.passwords import BCRYPT
from app.accounts.schemas import Email, Locale, Name, TimeZone
from app.audit.recording import record
from app.database.session import act_as
from app.errors import invalid_input
from app.extensions import db
from app.schemas import Input

BATCH = 500


def _known_hash(text: str) -> str:
    if not BCRYPT.fullmatch(text):
        raise ValueError("must be a bcrypt hash ($2a$, $2b$ or $2y$) of a cost from 4 to 14")
    return text


class ImportedAccount(Input):
    """One line of the file; an unknown field is a fault, so that nothing is lost in silence."""

    email: Email
    name: Name
    password_hash: Annotated[str, AfterValidator(_known_hash)]
    role: Literal["user", "admin"] = "user"
    time_zone: TimeZone = "UTC"
    locale: Locale = "en"
    email_verified_at: AwareDatetime | None = None
    created_at: AwareDatetime | None = None


@dataclass(frozen=True)
class Imported:
    """How many accounts were added, and how many were there already."""

    added: int
    present: int


class ImportFaults(Exception):
    """The file has faults; `lines` tells them, each with the number of its line."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def import_accounts(lines: Iterable[bytes]) -> Imported:
    """Add the accounts of a file of JSON lines.

    Args:
        lines: the lines, in UTF-8; empty ones are passed over.

    Raises:
        ImportFaults: some lines are faulty; nothing was written.
    """
    accounts = _read(lines)
    act_as(None, scope="accounts")
    added = 0
    for start in range(0, len(accounts), BATCH):
        rows = [_columns(account) for account in accounts[start : start + BATCH]]
        statement = insert(User).values(rows).on_conflict_do_nothing(index_elements=["email"])
        for user_id, role in db.session.execute(statement.returning(User.id, User.role)).all():
            record("account.created", user_id, role=role)
            added += 1
    db.session.commit()
    return Imported(added, len(accounts) - added)


def _read(lines: Iterable[bytes]) -> list[ImportedAccount]:
    accounts: list[ImportedAccount] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        # Some editors begin a file with a mark.
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not text:
            continue
        try:
            account = ImportedAccount.model_validate(orjson.loads(text))
        except orjson.JSONDecodeError:
            faults.append(f"line {number}: is not JSON")
        except ValidationError as error:
            # Names the field and the fault, never the value.
            faults += [
                f"line {number}: {fault['field']}: {fault['detail']}"
                for fault in invalid_input(error).extra["errors"]
            ]
        else:
            first = seen.setdefault(account.email, number)
            if first != number:
                faults.append(f"line {number}: email: is on line {first} too")
            accounts.append(account)
    if faults:
        raise ImportFaults(faults)
    return accounts


def _columns(account: ImportedAccount) -> dict[str, Any]:
    columns = account.model_dump()
    # One statement serves all rows, so each names the same columns.
    columns["created_at"] = account.created_at or datetime.now(UTC)
    return columns
