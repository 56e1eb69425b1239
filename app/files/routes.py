"""Endpoints of files."""

from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import Response, make_response, redirect

from app.accounts.authentication import auth, current_user_id
from app.etags import etag_of, row_response
from app.files import service, transfer
from app.files.links import LinkQuery
from app.files.schemas import (
    FileInput,
    FileOutput,
    FilesOutput,
    FilesQuery,
    NewFileOutput,
    SignedRequestOutput,
)
from app.files.storage.local import UPLOAD_TYPE
from app.operations.bodies import takes_body

blueprint = APIBlueprint("files", __name__, url_prefix="/v1/files", tag="Files")


@blueprint.get("")
@blueprint.auth_required(auth)
@blueprint.input(FilesQuery, location="query", arg_name="query")
@blueprint.output(FilesOutput)
def list_files(query: FilesQuery) -> dict[str, Any]:
    """List your files, by id."""
    return service.list_files(current_user_id(), query)


@blueprint.post("")
@blueprint.auth_required(auth)
@blueprint.input(FileInput, arg_name="data")
@blueprint.output(NewFileOutput, 201)
@blueprint.doc(responses={200: "A repeat: the file is there already.", 409: "The id is taken."})
def create_file(data: FileInput) -> Response:
    """Declare a file and get the request that uploads it; then complete it.

    A repeat, for example when the link has expired, gets a fresh one.
    """
    file, new = service.create_file(current_user_id(), data)
    body = FileOutput.model_validate(file).model_dump()
    output = NewFileOutput(**body, upload=service.sign_upload(file))
    response = make_response(output.model_dump(mode="json"), 201 if new else 200)
    response.set_etag(etag_of(file))
    return response


@blueprint.get("/<row_id:file_id>")
@blueprint.auth_required(auth)
@blueprint.output(FileOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_file(file_id: str) -> Response:
    """Show what is known of a file; the ETag is its revision."""
    return row_response(service.get_file(current_user_id(), file_id), FileOutput)


@blueprint.post("/<row_id:file_id>/complete")
@blueprint.auth_required(auth)
@blueprint.output(FileOutput)
@blueprint.doc(responses={409: "Nothing was uploaded.", 422: "It is not what was declared."})
def complete_upload(file_id: str) -> Response:
    """Complete an upload: its size, checksum and type are verified, and the file is stored."""
    return row_response(service.complete_upload(current_user_id(), file_id), FileOutput)


@blueprint.get("/<row_id:file_id>/content")
@blueprint.auth_required(auth)
@blueprint.output({}, 302)
@blueprint.doc(responses={409: "The file is not stored yet."})
def show_content(file_id: str) -> Any:
    """Get the link that downloads the file, in `Location`; for a short time it needs no token."""
    return redirect(service.sign_download(current_user_id(), file_id).url, 302)


@blueprint.get("/<row_id:file_id>/link")
@blueprint.auth_required(auth)
@blueprint.output(SignedRequestOutput)
@blueprint.doc(responses={409: "The file is not stored yet."})
def show_link(file_id: str) -> SignedRequestOutput:
    """Show the request that downloads the file, for who cannot follow a redirect.

    A page of another origin cannot follow one to a bucket, and an `<img>` sends no token.
    """
    link = service.sign_download(current_user_id(), file_id)
    return SignedRequestOutput.model_validate(link)


@blueprint.put("/<row_id:file_id>/content")
@blueprint.input(LinkQuery, location="query", arg_name="query")
@blueprint.output({}, 204)
@blueprint.doc(responses={403: "The link is not valid.", 409: "The file is stored already."})
@takes_body(UPLOAD_TYPE)
def receive_content(file_id: str, query: LinkQuery) -> str:
    """Upload a file, by the link that declaring it gave."""
    transfer.receive(file_id, query)
    return ""


@blueprint.get("/<row_id:file_id>/download")
@blueprint.input(LinkQuery, location="query", arg_name="query")
@blueprint.output(FileSchema(type="string", format="binary"), content_type="*/*")
@blueprint.doc(
    responses={
        206: "The part that Range asks for.",
        304: "It is what If-None-Match has.",
        403: "The link is not valid.",
        416: "The file has no such part.",
    }
)
def send_content(file_id: str, query: LinkQuery) -> Response:
    """Download a file, by the link that its content gave."""
    return transfer.send(file_id, query)


@blueprint.delete("/<row_id:file_id>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_file(file_id: str) -> str:
    """Delete a file; its links find nothing from then on.

    A link to upload into a bucket takes bytes until it expires; nobody can read them.
    """
    service.delete_file(current_user_id(), file_id)
    return ""
