"""Endpoints of delta sync."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app, request
from flask_limiter import ExemptionScope

from app.accounts.authentication import auth, current_user_id
from app.errors import Problem
from app.extensions import limiter
from app.pages import PageQuery
from app.settings import Settings
from app.sync import rounds, rxdb, watermelondb
from app.sync.collection import get_collection
from app.sync.schemas import (
    ChangesInput,
    ChangesOutput,
    ChangesPushQuery,
    ChangesQuery,
    PullOutput,
    PullQuery,
    PushInput,
    PushOutput,
    SyncSessionsOutput,
)

sync = APIBlueprint("sync", __name__, url_prefix="/v1/sync", tag="Sync")


def _sync_limit() -> str:
    return _settings().rate_limit_sync


# A device pulls each collection every minute and after each change on another: that must not take
# from what its user may ask besides.
limiter.exempt(sync, flags=ExemptionScope.APPLICATION)
limiter.shared_limit(_sync_limit, scope="sync")(sync)


class TooManyRows(Problem):
    status, type = 413, "too-many-rows"


@sync.before_request
def _prepare() -> None:
    """Let bodies be larger than elsewhere."""
    request.max_content_length = _settings().sync_max_bytes


@sync.get("/<collection>/pull")
@sync.auth_required(auth)
@sync.input(PullQuery, location="query", arg_name="query")
@sync.output(PullOutput)
@sync.doc(responses={410: "Away for too long, or a backup was restored: sync from nothing."})
def pull_collection(collection: str, query: PullQuery) -> Response:
    """RxDB: pull a page of what changed in a collection."""
    return _json(rxdb.pull(get_collection(collection), current_user_id(), query))


@sync.post("/<collection>/push")
@sync.auth_required(auth)
@sync.input(PushInput, arg_name="data")
@sync.output(PushOutput)
@sync.doc(responses={409: "`parent-missing`: rows, in `ids`, belong to ones not here yet."})
def push_collection(collection: str, data: PushInput) -> Response:
    """RxDB: push changed documents; the answer is the present state of those in conflict."""
    _refuse_many(len(data.root))
    return _json(rxdb.push(get_collection(collection), current_user_id(), data.root))


@sync.get("")
@sync.auth_required(auth)
@sync.input(ChangesQuery, location="query", arg_name="query")
@sync.output(ChangesOutput)
def pull_changes(query: ChangesQuery) -> Response:
    """WatermelonDB: pull what changed in all collections."""
    settings = _settings()
    body = watermelondb.pull(
        current_user_id(), query, settings.sync_max_rows, settings.sync_max_bytes
    )
    return _json(body)


@sync.post("")
@sync.auth_required(auth)
@sync.input(ChangesInput, arg_name="data")
@sync.input(ChangesPushQuery, location="query", arg_name="query")
@sync.output({}, 204)
@sync.doc(
    responses={
        409: "Another device changed a row since your pull; or `parent-missing`: rows, in `ids`, "
        "belong to ones not here yet."
    }
)
def push_changes(query: ChangesPushQuery, data: ChangesInput) -> str:
    """WatermelonDB: push local changes, all or nothing."""
    tables = data.root.values()
    _refuse_many(sum(len(t.created) + len(t.updated) + len(t.deleted) for t in tables))
    watermelondb.push(current_user_id(), data.root, query.last_pulled_at)
    return ""


@sync.get("/sessions")
@sync.auth_required(auth)
@sync.input(PageQuery, location="query", arg_name="query")
@sync.output(SyncSessionsOutput)
def list_sessions(query: PageQuery) -> dict[str, Any]:
    """List when your devices synced, by device and hour, the latest first."""
    return rounds.list_sessions(current_user_id(), query)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings


def _refuse_many(rows: int) -> None:
    limit = _settings().sync_max_rows
    if rows > limit:
        raise TooManyRows(f"A push may have {limit} rows; this one has {rows}.")


def _json(body: bytes) -> Response:
    # The documents come from the database as JSON; a schema would only read them once more.
    return Response(body, content_type="application/json")
