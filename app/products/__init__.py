"""The products: one folder each, of one shape; named in FIVEBOX_PRODUCTS to be served."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_FOLDER = Path(__file__).parent


def all_products() -> list[str]:
    """The names of all products that there are, served or not."""
    return sorted(routes.parent.name for routes in _FOLDER.glob("*/routes.py"))


def parts(products: Iterable[str], name: str) -> dict[str, ModuleType]:
    """The modules of one name, such as `sync`, of those products that have it, by product."""
    found = {}
    for product in products:
        module = f"app.products.{product}.{name}"
        spec = find_spec(module)
        # A folder that holds no code has no origin.
        if spec and spec.origin:
            found[product] = import_module(module)
    return found
