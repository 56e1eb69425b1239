"""Commands of the audit log: `flask audit <name>`."""

import click
from flask import current_app
from flask.cli import AppGroup

from app.audit.partitions import keep_partitions

audit = AppGroup("audit", help="The audit log.")


@audit.command("partitions")
@click.option(
    "--ahead",
    type=click.IntRange(1, 24),
    default=3,
    show_default=True,
    help="Months to make after the present one.",
)
def partitions(ahead: int) -> None:
    """Make the partitions of the coming months, and drop those past FIVEBOX_AUDIT_MONTHS."""
    url = current_app.config["DATABASE_OWNER_URL"]
    if not url:
        raise click.ClickException("FIVEBOX_DATABASE_OWNER_URL: needed to change tables")
    months = current_app.extensions["settings"].audit_months
    kept = keep_partitions(url, ahead=ahead, months=months)
    click.echo(f"Made {kept.made} partitions, moved {kept.moved} events, dropped {kept.dropped}.")
