"""The commands: `flask <name>`."""

import secrets
import sys
from importlib import import_module

import click
from apiflask import APIFlask
from flask import current_app
from flask.cli import with_appcontext
from pydantic import ValidationError

from app.accounts import service
from app.accounts.models import User
from app.accounts.schemas import RegisterInput
from app.database import purge as purging
from app.errors import Problem
from app.extensions import db


def init_app(app: APIFlask) -> None:
    """Add the commands to the app."""
    for command in (create_admin, seed, purge):
        app.cli.add_command(command)


@click.command("create-admin")
@click.argument("email")
@with_appcontext
def create_admin(email: str) -> None:
    """Create an administrator; the password is asked for, or read from standard input."""
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    _create(email, password, "admin")
    click.echo(f"{email} is an administrator.")


@click.command()
@with_appcontext
def seed() -> None:
    """Put the products' example data in, once; outside production, as demo@example.com."""
    settings = current_app.extensions["settings"]
    if settings.environment == "production":
        click.echo("Nothing to seed: example data is not for production.")
        return
    password = secrets.token_urlsafe(12)
    try:
        user = _create("demo@example.com", password, "user")
    except click.ClickException:
        click.echo("demo@example.com is there already.")
        return
    for name in settings.products:
        import_module(f"app.products.{name}.seed").seed(user)
    db.session.commit()
    click.echo(f"Example data is in; log in as demo@example.com with the password {password}")


@click.command()
@click.option("--days", default=400, show_default=True, help="Age of the tombstones to remove.")
@with_appcontext
def purge(days: int) -> None:
    """Remove rows deleted long ago, and devices logged out long ago."""
    rows, devices = purging.purge(days)
    click.echo(f"Removed {rows} rows and {devices} devices.")


def _create(email: str, password: str, role: str) -> User:
    try:
        data = RegisterInput(email=email, password=password, name=email.partition("@")[0])
        user = service.create_user(data, role=role)
    except ValidationError as error:
        faults = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
        raise click.ClickException(faults) from None
    except Problem as error:
        raise click.ClickException(error.detail) from None
    db.session.commit()
    return user
