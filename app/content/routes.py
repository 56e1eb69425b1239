"""Public endpoints of content."""

from apiflask import APIBlueprint
from flask import Response, current_app, request

from app.content import reading
from app.content.cache import Entry
from app.content.locales import preferred
from app.content.schemas import ContentOutput, ContentPageOutput, ContentPageQuery, ContentQuery

STALE_SECONDS = 600

content = APIBlueprint("content", __name__, url_prefix="/v1/content", tag="Content")


@content.get("/<collection:collection>")
@content.input(ContentPageQuery, location="query", arg_name="query")
@content.output(ContentPageOutput)
@content.doc(responses={304: "It is still what If-None-Match names.", 404: "No such collection."})
def list_content(collection: str, query: ContentPageQuery) -> Response:
    """List the documents of a collection, by id, in the language of `locale` or Accept-Language."""
    return _answer(reading.read_page(collection, query, _ranges(query)), query)


@content.get("/<collection:collection>/<slug:document_id>")
@content.input(ContentQuery, location="query", arg_name="query")
@content.output(ContentOutput)
@content.doc(responses={304: "It is still what If-None-Match names.", 404: "No such document."})
def show_content(collection: str, document_id: str, query: ContentQuery) -> Response:
    """Show a document, in the language of `locale` or Accept-Language."""
    return _answer(reading.read_document(collection, document_id, _ranges(query)), query)


def _ranges(query: ContentQuery) -> list[str]:
    return [query.locale] if query.locale else preferred(request.accept_languages)


def _answer(entry: Entry, query: ContentQuery) -> Response:
    response = Response(entry.body, content_type="application/json")
    response.set_etag(entry.etag)
    wanted = current_app.extensions["settings"].content_max_age_seconds
    left = int(entry.left(wanted + STALE_SECONDS))
    seconds = min(wanted, left)
    response.headers["Cache-Control"] = (
        f"public, max-age={seconds}, stale-while-revalidate={min(STALE_SECONDS, left - seconds)}"
    )
    response.headers["Content-Language"] = entry.languages
    if query.locale is None:
        response.vary.add("Accept-Language")
    response.make_conditional(request)
    return response
