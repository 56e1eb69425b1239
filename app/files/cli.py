"""The commands: `flask files <name>`."""

import click
from flask.cli import AppGroup

from app.errors import Problem
from app.files import cleaning

files = AppGroup("files", help="Look after the users' files.")


@files.command("clean")
def clean() -> None:
    """Give up uploads not completed within a day, and remove objects that no file needs."""
    try:
        cleaned = cleaning.clean()
    except Problem as problem:
        raise click.ClickException(problem.detail) from None
    click.echo(
        f"Gave up {cleaned.unfinished} uploads; removed {cleaned.deleted} objects of deleted files "
        f"and {cleaned.orphans} orphans, {cleaned.bytes} bytes."
    )
