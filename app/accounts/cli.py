"""Commands of accounts: `flask accounts <name>`."""

from typing import IO

import click
import structlog
from flask.cli import AppGroup

from app.accounts import deletion, imports
from app.errors import NotFound

accounts = AppGroup("accounts", help="Accounts in bulk, and deleted ones.")

logger = structlog.get_logger(__name__)


@accounts.command("import")
@click.argument("file", type=click.File("rb"))
def import_(file: IO[bytes]) -> None:
    """Add the accounts of FILE, JSON lines with bcrypt hashes; "-" reads standard input."""
    try:
        done = imports.import_accounts(file)
    except imports.ImportFaults as faults:
        raise click.ClickException(f"Nothing was imported.\n{faults}") from None
    logger.info("accounts imported", event_kind="security", count=done.added)
    click.echo(f"Imported {done.added} accounts; {done.present} were there already.")


@accounts.command("purge")
def purge() -> None:
    """Remove the accounts deleted more than FIVEBOX_DELETION_DAYS ago."""
    purged, failed = deletion.purge_accounts()
    click.echo(f"Removed {purged} accounts.")
    if failed:
        raise click.ClickException(f"{failed} accounts could not be removed; the log tells why.")


@accounts.command("restore")
@click.argument("email")
def restore(email: str) -> None:
    """Open a deleted account again, before it is purged."""
    try:
        deletion.restore(email)
    except NotFound as problem:
        raise click.ClickException(problem.detail) from None
    click.echo(f"{email} can log in again.")
