"""The commands: `flask content <name>`."""

from typing import IO

import click
from flask import current_app
from flask.cli import AppGroup

from app.content import reading, upstream, writing
from app.content.collections import ContentCollection, all_collections
from app.content.files import ContentFileError, export_lines, parse_lines
from app.content.schemas import ContentPageQuery, ImportOutput
from app.content.seeds import add_counts, load_seeds
from app.errors import Conflict, NotFound
from app.extensions import db

content = AppGroup("content", help="Public content: import, export, seed, refresh, warm.")


@content.command("import")
@click.argument("file", type=click.File("rb"))
def import_file(file: IO[bytes]) -> None:
    """Write the documents of FILE (JSON lines, as export makes them), all or none."""
    try:
        documents = parse_lines(file)
    except ContentFileError as error:
        raise click.ClickException(f"nothing is imported\n{error}") from None
    by_name: dict[str, tuple[ContentCollection, list[writing.Checked]]] = {}
    for collection, checked in documents:
        by_name.setdefault(collection.name, (collection, []))[1].append(checked)
    total = ImportOutput(created=0, changed=0, unchanged=0)
    try:
        # In one order, so that two imports cannot wait for each other.
        for _, (collection, found) in sorted(by_name.items()):
            writing.begin(collection)
            add_counts(total, writing.store(collection, found, "local"))
    except Conflict as conflict:
        db.session.rollback()
        raise click.ClickException(f"nothing is imported\n{conflict.detail}") from None
    writing.commit(*by_name)
    _tell(total)


@content.command("export")
@click.argument("file", type=click.File("wb", atomic=True))
def export_file(file: IO[bytes]) -> None:
    """Write all documents to FILE as JSON lines; what import reads."""
    count = 0
    for line in export_lines():
        file.write(line)
        count += 1
    click.echo(f"{count} documents exported.", err=True)


@content.command("seed")
def seed() -> None:
    """Write the content that comes with the products; changes nothing that is up to date."""
    try:
        _tell(load_seeds())
    except ContentFileError as error:
        raise click.ClickException(str(error)) from None


@content.command("refresh")
@click.argument("collections", nargs=-1)
def refresh(collections: tuple[str, ...]) -> None:
    """Fetch COLLECTIONS, or all, from the upstream now; fails when one fails."""
    if current_app.extensions["settings"].content_url is None:
        click.echo("Nothing to fetch: FIVEBOX_CONTENT_URL is not set.")
        return
    failed = False
    for name in collections or sorted(all_collections()):
        try:
            outcome = upstream.refresh(name, force=True)
        except NotFound:
            raise click.ClickException(f"{name}: there is no such collection") from None
        failed |= outcome == "failed"
        reason = f" ({upstream.last_error(name)})" if outcome == "failed" else ""
        click.echo(f"{name}: {outcome}{reason}")
    if failed:
        raise click.exceptions.Exit(1)


@content.command("warm")
def warm() -> None:
    """Fill the cache with the lists and documents of all collections, in each language."""
    count = 0
    for name, collection in sorted(all_collections().items()):
        for locale in collection.locales:
            count += _warm(name, locale)
    click.echo(f"{count} answers are in the cache.")


def _warm(name: str, locale: str) -> int:
    count = 0
    after: str | None = ""
    while after is not None:
        query = ContentPageQuery(after=after or None)
        entry = reading.read_page(name, query, [locale])
        page = current_app.json.loads(entry.body)
        for item in page["items"]:
            reading.read_document(name, item["id"], [locale])
        count += 1 + len(page["items"])
        after = page["next"]
    return count


def _tell(counts: ImportOutput) -> None:
    click.echo(
        f"{counts.created} documents created, {counts.changed} changed, "
        f"{counts.unchanged} unchanged."
    )
