"""Endpoints of administrators, who write content."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from app.accounts.authentication import auth, current_user_id
from app.content import writing
from app.content.schemas import (
    DocumentInput,
    DocumentOutput,
    DocumentPageOutput,
    DocumentsQuery,
    ImportInput,
    ImportOutput,
    RevertInput,
    VersionOutput,
    VersionPageOutput,
)
from app.etags import row_response
from app.pages import PageQuery

admin_content = APIBlueprint(
    "admin_content", __name__, url_prefix="/v1/admin/content/<collection:collection>", tag="Content"
)
ONLY_ADMIN = ["admin"]


@admin_content.get("")
@admin_content.auth_required(auth, roles=ONLY_ADMIN)
@admin_content.input(DocumentsQuery, location="query", arg_name="query")
@admin_content.output(DocumentPageOutput)
@admin_content.doc(responses=[403])
def list_documents(collection: str, query: DocumentsQuery) -> dict[str, Any]:
    """List the documents of a collection with all languages, unpublished ones too."""
    return writing.list_documents(collection, query)


@admin_content.post("")
@admin_content.auth_required(auth, roles=ONLY_ADMIN)
@admin_content.input(ImportInput, arg_name="data")
@admin_content.output(ImportOutput)
@admin_content.doc(responses=[403, 409])
def import_documents(collection: str, data: ImportInput) -> ImportOutput:
    """Write many documents, all or none; a repeat changes nothing."""
    return writing.import_documents(current_user_id(), collection, data)


@admin_content.get("/<slug:document_id>")
@admin_content.auth_required(auth, roles=ONLY_ADMIN)
@admin_content.output(DocumentOutput)
@admin_content.doc(responses={304: "It is still the version of If-None-Match.", 403: "Forbidden"})
def show_document(collection: str, document_id: str) -> Response:
    """Show a document with all languages; the ETag is its version."""
    return row_response(writing.get_document(collection, document_id), DocumentOutput)


@admin_content.put("/<slug:document_id>")
@admin_content.auth_required(auth, roles=ONLY_ADMIN)
@admin_content.input(DocumentInput, arg_name="data")
@admin_content.output(DocumentOutput)
@admin_content.doc(
    responses={
        201: "The document is new.",
        403: "Forbidden",
        409: "It comes from the upstream.",
        412: "It is not the version of If-Match.",
    }
)
def put_document(collection: str, document_id: str, data: DocumentInput) -> Response:
    """Write a document, over what is there; a repeat changes nothing."""
    document, new = writing.put_document(current_user_id(), collection, document_id, data)
    return row_response(document, DocumentOutput, 201 if new else 200)


@admin_content.delete("/<slug:document_id>")
@admin_content.auth_required(auth, roles=ONLY_ADMIN)
@admin_content.output({}, 204)
@admin_content.doc(responses=[403, 404, 409, 412])
def delete_document(collection: str, document_id: str) -> str:
    """Take a document away; its versions stay, and reverting brings it back."""
    writing.delete_document(current_user_id(), collection, document_id)
    return ""


@admin_content.post("/<slug:document_id>/revert")
@admin_content.auth_required(auth, roles=ONLY_ADMIN)
@admin_content.input(RevertInput, arg_name="data")
@admin_content.output(DocumentOutput)
@admin_content.doc(responses=[403, 404, 409, 412])
def revert_document(collection: str, document_id: str, data: RevertInput) -> Response:
    """Make an old version the present one, as a new version."""
    document = writing.revert_document(current_user_id(), collection, document_id, data.version)
    return row_response(document, DocumentOutput)


@admin_content.get("/<slug:document_id>/versions")
@admin_content.auth_required(auth, roles=ONLY_ADMIN)
@admin_content.input(PageQuery, location="query", arg_name="query")
@admin_content.output(VersionPageOutput)
@admin_content.doc(responses=[403])
def list_versions(collection: str, document_id: str, query: PageQuery) -> dict[str, Any]:
    """List the versions of a document, the newest first; also of a deleted one."""
    return writing.list_versions(collection, document_id, query)


@admin_content.get("/<slug:document_id>/versions/<version:version>")
@admin_content.auth_required(auth, roles=ONLY_ADMIN)
@admin_content.output(VersionOutput)
@admin_content.doc(responses=[403])
def show_version(collection: str, document_id: str, version: int) -> VersionOutput:
    """Show a version as it was."""
    return VersionOutput.model_validate(writing.get_version(collection, document_id, version))
