"""The commands: `flask <name>`."""

import secrets
import sys

import click
import structlog
from apiflask import APIFlask
from flask import current_app
from flask.cli import with_appcontext
from pydantic import ValidationError
from sqlalchemy import select

from app import examples
from app.accounts import service
from app.accounts.cli import accounts
from app.accounts.models import User
from app.accounts.schemas import RegisterInput
from app.audit.cli import audit
from app.audit.recording import record
from app.content.seeds import load_seeds
from app.database import purge as purging
from app.database.session import act_as
from app.errors import Conflict, Problem, invalid_input
from app.extensions import db
from app.files.cli import files
from app.mail.cli import mail
from app.products import parts
from app.settings import Environment

DEMO_EMAIL = "demo@example.com"
ADMIN_EMAIL = "admin@example.com"

logger = structlog.get_logger(__name__)


def init_app(app: APIFlask) -> None:
    """Add the commands to the app."""
    for command in (create_admin, seed, purge, nightly, accounts, audit, mail):
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
    try:
        user = _create(email, password, "admin")
    except Problem as problem:
        faults = [f"{item['field']}: {item['detail']}" for item in problem.extra.get("errors", [])]
        raise click.ClickException("; ".join(faults) or problem.detail) from None
    logger.info("administrator created", event_kind="security", user_id=str(user.id))
    click.echo(f"{user.email} is an administrator.")


@click.command()
@with_appcontext
def seed() -> None:
    """Make the accounts demo@example.com, with example data, and admin@example.com, each once.

    A demo account that is there gets the examples of products of which it has no rows yet. In
    development only. The products' content comes too; elsewhere that is `flask content seed`.
    """
    settings = current_app.extensions["settings"]
    if settings.environment is not Environment.DEVELOPMENT:
        click.echo("Nothing to seed: example data is for development only.")
        return
    counts = load_seeds()
    if counts.created or counts.changed:
        click.echo(f"{counts.created + counts.changed} documents of content are in.")
    _create_example(DEMO_EMAIL, "user", "An account is in")
    products = examples.give(_find(DEMO_EMAIL))
    if products:
        click.echo(f"{DEMO_EMAIL} has got example rows of {', '.join(products)}.")
    _create_example(ADMIN_EMAIL, "admin", "An administrator is in")


@click.command()
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=400,
    show_default=True,
    help="Age of the tombstones to remove.",
)
@with_appcontext
def purge(days: int) -> None:
    """Remove rows deleted long ago, devices logged out long ago, and old sync sessions."""
    done = purging.purge(days)
    click.echo(
        f"Removed {done.rows} rows, {done.devices} devices and {done.sessions} sync sessions."
    )
    if done.failed:
        raise click.ClickException(
            f"The rows of {done.failed} users could not be purged; the log tells why."
        )


@click.command()
@click.pass_context
@with_appcontext
def nightly(context: click.Context) -> None:
    """Do all that must be done once a day; one that fails does not keep the others from it."""
    # In one process: each would load the application anew.
    jobs: dict[str, click.Command] = {
        "purge": purge,
        "files clean": files.commands["clean"],
        "accounts purge": accounts.commands["purge"],
        "audit partitions": audit.commands["partitions"],
        "mail purge": mail.commands["purge"],
    }
    for module in parts(current_app.extensions["settings"].products, "cli").values():
        jobs |= module.nightly
    failed = []
    for name, command in jobs.items():
        try:
            context.invoke(command)
        except Exception as error:
            db.session.rollback()
            failed.append(name)
            logger.error("nightly job failed", event_kind="error", job=name, exc_info=error)
    if failed:
        raise click.ClickException(f"Failed: {', '.join(failed)}; the log tells why.")


def _create_example(email: str, role: str, what: str) -> None:
    password = secrets.token_urlsafe(12)
    try:
        _create(email, password, role)
    except Conflict:
        click.echo(f"{email} is there already.")
    else:
        click.echo(f"{what}; log in as {email} with the password {password}")


def _find(email: str) -> User:
    act_as(None, scope="accounts")
    user = db.session.scalars(select(User).where(User.email == email)).one()
    act_as(user.id)
    return user


def _create(email: str, password: str, role: str) -> User:
    try:
        data = RegisterInput(email=email, password=password, name=email.partition("@")[0])
    except ValidationError as error:
        raise invalid_input(error) from None
    user = service.create_user(data, role=role)
    record("account.created", user.id, role=role)
    db.session.commit()
    return user
