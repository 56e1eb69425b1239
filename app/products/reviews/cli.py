"""The commands `flask reviews …`."""

import click
from flask.cli import with_appcontext

from app.products.reviews import books, counting, embedded


@click.command()
@with_appcontext
def recount() -> None:
    """Count the ratings of all books anew; fails when a count was wrong."""
    books, drifted = counting.recount()
    click.echo(f"Counted the ratings of {books} books; {drifted} were wrong.")
    if drifted:
        raise click.exceptions.Exit(1)


@click.command()
@with_appcontext
def similarities() -> None:
    """Find out which books are alike to their readers, for the recommendations."""
    click.echo(f"Stored {embedded.refresh_similarities(books.ids())} similarities.")


commands = [recount, similarities]
nightly = {"reviews recount": recount}
