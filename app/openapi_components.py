"""One schema for each model of the OpenAPI document.

APIFlask puts a model that is nested in another into the document once for each of them, as
`Outer.Inner`; a generated client would have as many types.
"""

from typing import Any

PREFIX = "#/components/schemas/"


def merge_nested(document: dict[str, Any]) -> None:
    """Refer to a nested model by its own name wherever that name means the same."""
    schemas = document["components"]["schemas"]
    names: dict[str, str] = {}
    for nested in sorted(name for name in schemas if "." in name):
        plain = nested.rpartition(".")[2]
        if schemas.setdefault(plain, schemas[nested]) == schemas[nested]:
            names[PREFIX + nested] = PREFIX + plain
    _rename(document, names)
    for nested in names:
        schemas.pop(nested.removeprefix(PREFIX))


def _rename(node: Any, names: dict[str, str]) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                node[key] = names.get(value, value)
            else:
                _rename(value, names)
    elif isinstance(node, list):
        for value in node:
            _rename(value, names)
