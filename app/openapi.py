"""The OpenAPI document, and the pages that show it."""

import re
from functools import partial
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from flask import Response, current_app, redirect, send_from_directory, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.accounts.claims import REFUSALS
from app.etags import CONDITION, TAGS
from app.extensions import limiter
from app.openapi_components import merge_nested
from app.operations.bodies import JSON, media_type_of
from app.problems import CONTENT_TYPE

# The page runs only scripts of this host; Swagger UI sets styles on its elements and has its icons
# in data URLs.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Any endpoint may give these: too many requests, maintenance or a lost database, a fault of ours.
ALWAYS = (429, 500, 503)
WITH_BODY = (400, 413, 415, 422)
WITH_RETRY_AFTER = (429, 503)
RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
}
# draft-ietf-httpapi-ratelimit-headers-06.
RATE_LIMIT = {
    "RateLimit-Limit": "Requests that this client may make in a window.",
    "RateLimit-Remaining": "Requests that are left in this window.",
    "RateLimit-Reset": "Seconds until the next window.",
}
# The request header that makes an operation give a status, and what it may hold: for a reader, `*`
# makes no sense.
CONDITIONS = {"304": ("If-None-Match", TAGS), "412": ("If-Match", CONDITION)}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:fivebox:problem:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": ["string", "null"], "description": "Finds the log lines."},
        "errors": {
            "type": "array",
            "description": "With 422: what is wrong with which field.",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "reason": {
            "enum": list(REFUSALS),
            "description": "With 401: no token; one to refresh; none of this API, so log in; a "
            "device logged out.",
        },
        "current": {"type": "object", "description": "With 409 and 412: the row as it is now."},
        "collection": {"type": "string", "description": "With `parent-missing`: that of `ids`."},
        "ids": {
            "type": "array",
            "description": "With `parent-missing`: the rows of the push that belong to none here.",
            "items": {"type": "string"},
        },
    },
}
PROBLEM_CONTENT = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def configure(app: APIFlask) -> None:
    """Describe the API at /openapi.json and show it at /docs."""
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        AUTO_404_RESPONSE=False,
        VALIDATION_ERROR_DESCRIPTION="The input is not valid.",
        DESCRIPTION="The backend of an offline-first app. Every error is a problem (RFC 9457).",
        LICENSE={"name": "MIT", "identifier": "MIT"},
        SERVERS=[{"url": app.extensions["settings"].public_url}],
    )
    app.spec_processor(partial(_complete, app.extensions["settings"].events_url))
    limiter.exempt(app.view_functions["openapi.spec"])

    @app.get("/docs")
    @limiter.exempt
    @app.doc(hide=True)
    def docs() -> Response:
        """Show the OpenAPI document."""
        page = send_from_directory(f"{app.static_folder}/swagger-ui", "index.html")
        page.headers["Content-Security-Policy"] = DOCS_POLICY
        return page

    @app.get("/")
    @limiter.exempt
    @app.doc(hide=True)
    def home() -> AnyResponse:
        """Lead who opens the bare address to the documentation."""
        return redirect(url_for("docs"))


def _complete(events_url: str | None, document: Any) -> Any:
    """Give every operation its problems, all of one schema, and live updates their address."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    merge_nested(document)
    # Two blueprints may have one tag.
    document["tags"] = list({tag["name"]: tag for tag in document["tags"]}.values())
    _declare_uploads(document["paths"])
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if isinstance(operation, dict):
                _declare_bodies(operation["responses"])
            if isinstance(operation, dict) and not path.startswith("/health"):
                _declare_conditions(operation)
                _declare_problems(operation)
                _declare_limits(operation)
    document["components"]["headers"] = {
        name: {"description": text, "schema": {"type": "integer"}}
        for name, text in RATE_LIMIT.items()
    }
    if events_url:
        document["paths"]["/v1/events"]["servers"] = [{"url": events_url}]
    return document


def _declare_uploads(paths: dict[str, Any]) -> None:
    """Give the operations that take another body than JSON their request body."""
    for rule in current_app.url_map.iter_rules():
        media_type = media_type_of(current_app.view_functions[rule.endpoint])
        if media_type == JSON:
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        schema = {"type": "string", "format": "binary"}
        for method in (rule.methods or set()) - {"OPTIONS"}:
            paths[path][method.lower()]["requestBody"] = {
                "content": {media_type: {"schema": schema}}
            }


def _declare_bodies(responses: dict[str, Any]) -> None:
    """Give what `doc` calls another success the body of the one that `output` declares.

    APIFlask gives it a schema that anything fits, and so a redirect and a 304, which have no body.
    """
    vague = [status for status, answer in responses.items() if _is_vague(answer)]
    told = [
        answer["content"]
        for status, answer in responses.items()
        if status.startswith("2") and status not in vague and "content" in answer
    ]
    for status in vague:
        if status.startswith("2"):
            responses[status]["content"] = told[0]
        elif status.startswith("3"):
            del responses[status]["content"]


def _is_vague(answer: dict[str, Any]) -> bool:
    return any(not media["schema"] for media in answer.get("content", {}).values())


def _declare_conditions(operation: dict[str, Any]) -> None:
    """Give the operations that answer 304 or 412 the headers of conditional requests."""
    responses = operation["responses"]
    headers = [header for status, header in CONDITIONS.items() if status in responses]
    for name, pattern in headers:
        operation.setdefault("parameters", []).append(
            {
                "in": "header",
                "name": name,
                "schema": {"type": "string", "pattern": pattern},
                "required": False,
            }
        )
    for status in ("200", "201"):
        if headers and status in responses:
            responses[status].setdefault("headers", {})["ETag"] = {
                "description": "Of this state of the row.",
                "schema": {"type": "string"},
            }


def _declare_problems(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    wanted = {int(status) for status in responses if int(status) >= 400} | set(ALWAYS)
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
        wanted |= set(WITH_BODY)
    if any(status in responses for status in CONDITIONS):
        wanted.add(400)
    if operation.get("parameters"):
        wanted |= {404, 422}
    if operation.get("security"):
        wanted.add(401)
    for status in sorted(wanted):
        known = responses.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        known["content"] = PROBLEM_CONTENT
        if status in WITH_RETRY_AFTER:
            known["headers"] = RETRY_AFTER


def _declare_limits(operation: dict[str, Any]) -> None:
    """Tell that every answer says what is left of the client's allowance."""
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in RATE_LIMIT}
    for response in operation["responses"].values():
        response["headers"] = {**response.get("headers", {}), **headers}
