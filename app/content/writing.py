"""How documents change: checked, one writer of a collection at a time, every version kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from flask import current_app, request
from pydantic import ValidationError
from sqlalchemy import Text, all_, any_, cast, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.audit.recording import record
from app.content import cache, edges
from app.content.collections import ContentCollection, find_collection, locales_of, words_of
from app.content.models import Document, DocumentVersion
from app.content.schemas import (
    DocumentInput,
    DocumentOutput,
    DocumentsQuery,
    ImportInput,
    ImportOutput,
)
from app.database.session import act_as
from app.errors import Conflict, NotFound, PreconditionFailed, Problem, Unprocessable, invalid_input
from app.etags import require_match
from app.extensions import db
from app.pages import PageQuery, decode_cursor, page_of

# A page has a hundred documents at most.
MAX_DOCUMENT_BYTES = 32_768
# Any constant serves; all releases must use the same one.
ADVISORY_LOCK = 5_105_001

_LOCK = text("SELECT pg_advisory_xact_lock(:key, hashtext(:collection))")


@dataclass(frozen=True)
class Checked:
    """A document that fits its collection: its id, and the values of its row."""

    id: str
    values: dict[str, Any]


def check(collection: ContentCollection, document_id: str, document: DocumentInput) -> Checked:
    """Check a document against its collection.

    Raises:
        Problem: 422, naming each faulty field.
    """
    try:
        data = collection.schema.model_validate(document.data)
    except ValidationError as error:
        raise within("data", invalid_input(error)) from None
    unknown = sorted(set(locales_of(data)) - set(collection.locales))
    if unknown:
        known = ", ".join(collection.locales)
        raise Unprocessable("data", f"has the locale {unknown[0]}; the collection has {known}")
    values = data.model_dump(mode="json")
    if len(orjson.dumps(values)) > MAX_DOCUMENT_BYTES:
        raise Unprocessable("data", f"is larger than {MAX_DOCUMENT_BYTES} bytes")
    if _holds_nul(values):
        raise Unprocessable("data", "must not contain the character U+0000")
    row = document.model_dump(include=_FIELDS)
    row |= {"data": values, "words": words_of(data.title.root.values())}
    return Checked(document_id, row)


def within(field: str, problem: Problem) -> Problem:
    """Say in a 422 where its faults are; returns it."""
    for item in problem.extra["errors"]:
        item["field"] = ".".join(part for part in (field, item["field"]) if part)
    return problem


def begin(collection: ContentCollection, user_id: UUID | None = None) -> None:
    """Let this transaction write, alone in the collection until its end."""
    act_as(user_id, scope="content")
    db.session.execute(_LOCK, {"key": ADVISORY_LOCK, "collection": collection.name})


def commit(*names: str) -> None:
    """Commit, then end what caches hold of these collections."""
    db.session.commit()
    for name in names:
        cache.invalidate(name)
        edges.purge(name)


def store(collection: ContentCollection, documents: Sequence[Checked], origin: str) -> ImportOutput:
    """Write documents over what is there, after `begin`; identical ones stay as they are.

    What the upstream serves belongs to the upstream, and a seed leaves alone what somebody
    changed.

    Args:
        collection: where they go.
        documents: what to write; each id once.
        origin: who writes: `seed`, `local` (administrators and imports) or `upstream`.

    Raises:
        Conflict: `local`, and a document comes from the upstream.
    """
    present = _rows(collection, [document.id for document in documents])
    counts = ImportOutput(created=0, changed=0, unchanged=0)
    for document in documents:
        row = present.get(document.id)
        values = document.values | {"origin": origin, "deleted_at": None}
        if row is None:
            db.session.add(Document(collection=collection.name, id=document.id, **values))
            counts.created += 1
        elif _keeps(row, document, origin):
            counts.unchanged += 1
        else:
            if origin == "local":
                _refuse_upstream(row)
            for field, value in values.items():
                setattr(row, field, value)
            counts.changed += 1
    db.session.flush()
    return counts


def drop_others(collection: ContentCollection, kept: Iterable[str]) -> int:
    """Take away the upstream's documents that it has no more; returns their number."""
    statement = select(Document).where(
        Document.collection == collection.name,
        Document.origin == "upstream",
        Document.deleted_at.is_(None),
        Document.id != all_(cast(list(kept), ARRAY(Text))),
    )
    rows = db.session.scalars(statement).all()
    for row in rows:
        row.deleted_at = datetime.now(UTC)
    db.session.flush()
    return len(rows)


def list_documents(name: str, query: DocumentsQuery) -> dict[str, Any]:
    """One page of all documents, also unpublished ones, by id.

    Raises:
        NotFound: there is no such collection.
    """
    statement = select(Document).where(
        Document.collection == find_collection(name).name,
        Document.deleted_at.is_not(None) if query.deleted else Document.deleted_at.is_(None),
    )
    if query.after:
        statement = statement.where(Document.id > decode_cursor(query.after, str)[0])
    rows = db.session.scalars(statement.order_by(Document.id).limit(query.limit + 1)).all()
    return page_of(rows, query.limit, lambda row: (row.id,))


def get_document(name: str, document_id: str) -> Document:
    """Find a document, also an unpublished one.

    Raises:
        NotFound: there is no such collection or document.
    """
    row = db.session.get(
        Document, (find_collection(name).name, document_id), populate_existing=True
    )
    if row is None or row.deleted_at:
        raise NotFound("There is no such document.")
    return row


def put_document(
    user_id: UUID, name: str, document_id: str, data: DocumentInput
) -> tuple[Document, bool]:
    """Write a document, over what is there.

    Returns:
        the document, and whether it is new.

    Raises:
        NotFound: there is no such collection.
        Conflict: it comes from the upstream.
        PreconditionFailed: it is not the version that If-Match names.
        Problem: 422, it does not fit its collection.
    """
    return _put(user_id, name, document_id, data, "content.written")


def delete_document(user_id: UUID, name: str, document_id: str) -> None:
    """Take a document away; its versions stay.

    Raises:
        NotFound: there is no such collection or document.
        Conflict: it comes from the upstream.
        PreconditionFailed: it is not the version that If-Match names.
    """
    begin(find_collection(name), user_id)
    row = get_document(name, document_id)
    require_match(row, DocumentOutput)
    _refuse_upstream(row)
    row.deleted_at = datetime.now(UTC)
    # A seed must not bring it back.
    row.origin = "local"
    _record("content.deleted", user_id, name, document_id)
    commit(name)


def list_versions(name: str, document_id: str, query: PageQuery) -> dict[str, Any]:
    """One page of the versions of a document, the newest first.

    Raises:
        NotFound: there is no such collection, or there never was such a document.
    """
    find_collection(name)
    if db.session.get(Document, (name, document_id)) is None:
        raise NotFound("There never was such a document.")
    statement = select(DocumentVersion).where(
        DocumentVersion.collection == name, DocumentVersion.id == document_id
    )
    if query.after:
        (last,) = decode_cursor(query.after, _version)
        statement = statement.where(DocumentVersion.version < last)
    ordered = statement.order_by(DocumentVersion.version.desc()).limit(query.limit + 1)
    rows = db.session.scalars(ordered).all()
    return page_of(rows, query.limit, lambda row: (str(row.version),))


def get_version(name: str, document_id: str, version: int) -> DocumentVersion:
    """Find a version that a document has or had.

    Raises:
        NotFound: there is no such collection or version.
    """
    row = db.session.get(DocumentVersion, (find_collection(name).name, document_id, version))
    if row is None:
        raise NotFound("There is no such version.")
    return row


def revert_document(user_id: UUID, name: str, document_id: str, version: int) -> Document:
    """Make an old version the present one, as a new version; brings back what was deleted.

    Raises:
        NotFound: there is no such collection or version.
        Conflict: the document comes from the upstream.
        PreconditionFailed: it is not the version that If-Match names.
        Problem: 422, the old version is a deletion, or does not fit its collection any more.
    """
    collection = find_collection(name)
    old = get_version(name, document_id, version)
    if old.deleted:
        raise Unprocessable("version", "is the one that took the document away")
    fields = {field: getattr(old, field) for field in DocumentInput.model_fields}
    data = DocumentInput.model_validate(fields)
    return _put(
        user_id, collection.name, document_id, data, "content.reverted", to_version=version
    )[0]


def import_documents(user_id: UUID, name: str, data: ImportInput) -> ImportOutput:
    """Write many documents, all or none.

    Raises:
        NotFound: there is no such collection.
        Conflict: one comes from the upstream.
        Problem: 422, naming each fault of the first document that does not fit.
    """
    collection = find_collection(name)
    checked: dict[str, Checked] = {}
    for number, document in enumerate(data.documents):
        if document.id in checked:
            raise Unprocessable(f"documents.{number}.id", "is there twice")
        try:
            checked[document.id] = check(collection, document.id, document)
        except Problem as problem:
            raise within(f"documents.{number}", problem) from None
    begin(collection, user_id)
    counts = store(collection, list(checked.values()), "local")
    if counts.created or counts.changed:
        _record("content.imported", user_id, name, None, **counts.model_dump())
    commit(name)
    return counts


_FIELDS = {"tags", "published", "published_from", "published_until"}


def _put(
    user_id: UUID, name: str, document_id: str, data: DocumentInput, kind: str, **details: Any
) -> tuple[Document, bool]:
    collection = find_collection(name)
    checked = check(collection, document_id, data)
    begin(collection, user_id)
    row = _rows(collection, [document_id]).get(document_id)
    new = row is None or row.deleted_at is not None
    if row is not None and not new:
        require_match(row, DocumentOutput)
    elif request.if_match:
        raise PreconditionFailed("There is no such document now.")
    counts = store(collection, [checked], "local")
    if counts.unchanged:
        db.session.commit()
    else:
        _record(kind, user_id, name, document_id, **details)
        commit(name)
    return get_document(name, document_id), new


def _record(kind: str, user_id: UUID, name: str, document_id: str | None, **details: Any) -> None:
    subject = ("content_documents", document_id)
    record(kind, user_id, actor="admin", subject=subject, collection=name, **details)


def _rows(collection: ContentCollection, ids: list[str]) -> dict[str, Document]:
    # As one array: a file may have more documents than a statement may have parameters.
    among = Document.id == any_(cast(ids, ARRAY(Text)))
    statement = select(Document).where(Document.collection == collection.name, among)
    rows = db.session.scalars(statement, execution_options={"populate_existing": True})
    return {row.id: row for row in rows}


def _keeps(row: Document, document: Checked, origin: str) -> bool:
    if origin == "seed" and row.origin != "seed":
        return True
    same = all(getattr(row, field) == value for field, value in document.values.items())
    taken_over = origin == "upstream" != row.origin
    return same and row.deleted_at is None and not taken_over


def _refuse_upstream(row: Document) -> None:
    if (
        row.origin == "upstream"
        and row.deleted_at is None
        and current_app.extensions["settings"].content_url
    ):
        raise Conflict(f"{row.id} comes from the upstream: change it there.")


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(_holds_nul(item) for item in value)
    return isinstance(value, str) and "\0" in value


def _version(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError(text)
    return int(text)
