"""What files are for: each purpose has its types and its largest size.

A product adds its own as a list `purposes` in `app/products/<name>/files.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import current_app

from app.files.sniffing import is_known
from app.products import parts

# No images: they are for the products that say so.
ATTACHMENT_TYPES = frozenset(
    {
        "application/json",
        "application/octet-stream",
        "application/pdf",
        "application/zip",
        "text/csv",
        "text/markdown",
        "text/plain",
    }
)


@dataclass(frozen=True)
class Purpose:
    """What a file may be for.

    Attributes:
        name: as clients give it, lower case.
        types: the media types it takes.
        max_bytes: its largest size; that of the settings holds as well.
    """

    name: str
    types: frozenset[str]
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        unknown = sorted(name for name in self.types if not is_known(name))
        if unknown:
            raise ValueError(f"purpose {self.name}: no way to recognize {', '.join(unknown)}")


ATTACHMENT = Purpose("attachment", ATTACHMENT_TYPES)


def collect_purposes(products: Iterable[str]) -> dict[str, Purpose]:
    """The purposes of the products, and the general one, by name.

    Raises:
        ValueError: two have one name.
    """
    found = [ATTACHMENT]
    for module in parts(products, "files").values():
        found += module.purposes
    names = [purpose.name for purpose in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"more than one file purpose is called {', '.join(twice)}")
    return dict(zip(names, found, strict=True))


def find_purpose(name: str) -> Purpose | None:
    """The purpose of this name, if a served product has it."""
    purposes: dict[str, Purpose] = current_app.extensions["file_purposes"]
    return purposes.get(name)
