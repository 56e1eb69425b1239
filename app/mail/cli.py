"""The commands `flask mail send` and `flask mail purge`."""

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from app.database.connection import is_disk_full
from app.mail import delivery

mail = AppGroup("mail", help="The outbox of mails.")


@mail.command()
def send() -> None:
    """Send the mails that are due; several senders may run at once."""
    if current_app.extensions["settings"].smtp_url is None:
        click.echo("Nothing to send: FIVEBOX_SMTP_URL is not set.")
        return
    try:
        done = delivery.send_due()
    except DBAPIError as error:
        if not is_disk_full(error):
            raise
        raise click.ClickException("The disk of the database is full; mails wait.") from None
    click.echo(
        f"Sent {done.sent}, dropped {done.dropped}, put off {done.put_off}, failed {done.failed}."
    )
    if done.server_error:
        raise click.ClickException(f"The mail server does not serve us: {done.server_error}.")


@mail.command()
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Age of the ended mails and tokens to remove.",
)
def purge(days: int) -> None:
    """Remove mails that were sent or given up long ago, and tokens that expired then."""
    mails, tokens = delivery.purge(days)
    click.echo(f"Removed {mails} mails and {tokens} tokens.")
