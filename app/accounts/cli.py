"""Commands of accounts: `flask accounts <name>`."""

import click
from flask.cli import AppGroup

from app.accounts import deletion
from app.errors import NotFound

accounts = AppGroup("accounts", help="Accounts that were deleted.")


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
