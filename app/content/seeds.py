"""Content that comes with the products: `app/products/<product>/seed/<collection>.json`."""

from app.content import writing
from app.content.collections import all_collections
from app.content.files import ContentFileError, parse_collection
from app.content.schemas import ImportOutput
from app.settings import ROOT


def load_seeds() -> ImportOutput:
    """Bring the collections up to their seed files; what an administrator changed stays so.

    Raises:
        ContentFileError: a seed file does not hold valid documents; nothing is written.
    """
    total = ImportOutput(created=0, changed=0, unchanged=0)
    names = []
    for name, collection in sorted(all_collections().items()):
        path = ROOT / "app" / "products" / collection.product / "seed" / f"{name}.json"
        if not path.is_file():
            continue
        try:
            documents = parse_collection(collection, path.read_bytes())
        except ContentFileError as error:
            raise ContentFileError(f"{path.relative_to(ROOT)}:\n{error}") from None
        writing.begin(collection)
        counts = writing.store(collection, documents, "seed")
        add_counts(total, counts)
        if counts.created or counts.changed:
            names.append(name)
    writing.commit(*names)
    return total


def add_counts(total: ImportOutput, counts: ImportOutput) -> None:
    """Add the counts of one collection to those of all."""
    total.created += counts.created
    total.changed += counts.changed
    total.unchanged += counts.unchanged
