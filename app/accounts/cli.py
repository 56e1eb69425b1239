"""The command `flask accounts import`."""

from typing import IO

import click
import structlog
from flask.cli import AppGroup

from app.accounts import imports

accounts = AppGroup("accounts", help="Accounts in bulk.")

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
