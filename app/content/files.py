"""Documents in files: a collection as one JSON object, or documents of any as JSON lines."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from pydantic import ValidationError
from sqlalchemy import select

from app.content.collections import ContentCollection, find_collection
from app.content.models import Document
from app.content.schemas import DocumentInput, NamedDocumentInput
from app.content.writing import Checked, check
from app.errors import Problem, invalid_input
from app.extensions import db

MAX_FAULTS = 20
FIELDS = ("collection", "id", *DocumentInput.model_fields)


class ContentFileError(Exception):
    """A file does not hold valid documents; the text names each fault, one a line."""


def parse_collection(collection: ContentCollection, raw: bytes) -> list[Checked]:
    """Read `{"documents": [...]}`, the format of seeds and of the upstream.

    Raises:
        ContentFileError: it is not that, or documents do not fit; each is named.
    """
    try:
        content = orjson.loads(raw)
    except ValueError as error:
        raise ContentFileError(f"not JSON: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("documents"), list):
        raise ContentFileError('not an object with a list "documents"')
    entries = enumerate(content["documents"], start=1)
    found = _check_all((f"document {number}", collection, value) for number, value in entries)
    return [checked for _, checked in found]


def parse_lines(lines: Iterable[bytes]) -> list[tuple[ContentCollection, Checked]]:
    """Read JSON lines, the format of export and import: each a document with its `collection`.

    Raises:
        ContentFileError: lines are not that, or documents do not fit; each is named.
    """
    return _check_all(
        (f"line {number}", None, line) for number, line in enumerate(lines, start=1) if line.strip()
    )


def export_lines() -> Iterator[bytes]:
    """All documents that are not deleted, also of collections that are not served."""
    statement = (
        select(Document)
        .where(Document.deleted_at.is_(None))
        .order_by(Document.collection, Document.id)
        .execution_options(yield_per=200)
    )
    for row in db.session.scalars(statement):
        document = {field: getattr(row, field) for field in FIELDS}
        yield orjson.dumps(document, option=orjson.OPT_UTC_Z) + b"\n"


def _check_all(
    entries: Iterable[tuple[str, ContentCollection | None, Any]],
) -> list[tuple[ContentCollection, Checked]]:
    found: dict[tuple[str, str], tuple[ContentCollection, Checked]] = {}
    faults: list[str] = []
    for place, collection, value in entries:
        try:
            owner, checked = _check_one(collection, value)
        except _Fault as fault:
            faults.append(f"{place}{fault}")
        else:
            key = owner.name, checked.id
            if key in found:
                faults.append(f"{place} ({checked.id}): is there twice")
            found[key] = owner, checked
        if len(faults) == MAX_FAULTS:
            faults.append("... and perhaps more")
            break
    if faults:
        raise ContentFileError("\n".join(faults))
    return list(found.values())


class _Fault(Exception):
    """What is wrong with one document, to be put after its place."""


def _check_one(
    collection: ContentCollection | None, value: Any
) -> tuple[ContentCollection, Checked]:
    name = ""
    try:
        if isinstance(value, bytes):
            value = orjson.loads(value)
        if not isinstance(value, dict):
            raise _Fault(": is not an object")
        name = f" ({value['id']})" if isinstance(value.get("id"), str) else ""
        if collection is None:
            collection = find_collection(str(value.pop("collection", "")))
        document = NamedDocumentInput.model_validate(value)
        return collection, check(collection, document.id, document)
    except orjson.JSONDecodeError as error:
        raise _Fault(f": is not JSON: {error}") from None
    except ValidationError as error:
        raise _Fault(name + _text(invalid_input(error))) from None
    except Problem as problem:
        raise _Fault(name + _text(problem)) from None


def _text(problem: Problem) -> str:
    errors = problem.extra.get("errors", [{"field": "collection", "detail": problem.detail}])
    return ": " + "; ".join(f"{item['field']}: {item['detail']}" for item in errors)
