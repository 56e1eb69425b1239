"""The commands `flask reviews …`."""

import click
from flask import Blueprint
from flask.cli import with_appcontext

from app.products.reviews import counting, embedded


def add_commands(blueprint: Blueprint) -> None:
    """Give the commands to the blueprint, by whose name they go."""
    blueprint.cli.command("recount")(with_appcontext(_recount))
    blueprint.cli.command("similarities")(with_appcontext(_similarities))


def _recount() -> None:
    """Count the ratings of all books anew; fails when a count was wrong."""
    books, drifted = counting.recount()
    click.echo(f"Counted the ratings of {books} books; {drifted} were wrong.")
    if drifted:
        raise click.exceptions.Exit(1)


def _similarities() -> None:
    """Find out which books are alike to their readers, for the recommendations."""
    click.echo(f"Stored {embedded.refresh_similarities()} similarities.")
