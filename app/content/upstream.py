"""Content of an upstream static API, kept in the local database.

`<url>/<collection>.json` is asked for when a reader comes and the content is old, in the
background and by one worker of all; readers go on with what there is. What the upstream does not
serve (404) stays local.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import structlog
import urllib3
from apiflask import APIFlask
from flask import Flask, current_app
from sqlalchemy import false, func, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from app.content import writing
from app.content.collections import ContentCollection, all_collections, find_collection
from app.content.files import ContentFileError, parse_collection
from app.content.models import Document, Source
from app.database.session import act_as
from app.extensions import db
from app.operations.health import CheckFailed, add_check
from app.operations.metrics import CONTENT_FETCHES
from app.settings import Settings

MAX_BYTES = 10 * 1024 * 1024
CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
TOTAL_SECONDS = 10.0
# How long a reader waits where there is no content at all yet.
FIRST_SECONDS = 5.0
# While it lasts nobody else fetches; also the pause after a failure.
LEASE = timedelta(seconds=60)
# A worker looks at the age of a collection at most this often.
LOOK_SECONDS = 10.0
STALE_REFRESHES = 3

Outcome = Literal["changed", "unchanged", "absent", "failed", "busy"]

logger = structlog.get_logger(__name__)
_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="content")


class UpstreamError(Exception):
    """The upstream gave nothing usable; the text says why."""


@dataclass(frozen=True)
class Upstream:
    """An upstream, as the settings name it."""

    url: str
    key: str | None = field(repr=False)
    refresh: timedelta
    http: urllib3.PoolManager
    next_look: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What the upstream said: its status, its ETag, and the body of a 200."""

    status: int
    etag: str | None
    body: bytes


class ContentStale(CheckFailed):
    """The last fetch failed, or is long ago."""


def init_app(app: APIFlask, settings: Settings) -> None:
    """Draw content from the upstream of the settings, if there is one, and show its health."""
    if settings.content_url is None:
        return
    app.extensions["content_upstream"] = Upstream(
        url=settings.content_url.rstrip("/"),
        key=settings.content_key.get_secret_value() if settings.content_key else None,
        refresh=timedelta(seconds=settings.content_refresh_seconds),
        http=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), retries=False
        ),
    )
    add_check(app, "content", _check_age)


def touch(name: str) -> None:
    """See to it that a collection that is read is fetched when it is old; costs nothing else.

    Waits only where nothing was ever fetched, and not for long.
    """
    upstream: Upstream | None = current_app.extensions.get("content_upstream")
    now = time.monotonic()
    if upstream is None or upstream.next_look.get(name, 0.0) > now:
        return
    upstream.next_look[name] = now + min(LOOK_SECONDS, upstream.refresh.total_seconds())
    try:
        source = db.session.get(Source, name)
    except SQLAlchemyError as error:
        # The cache may have the answer; if not, reading it will tell of the outage.
        logger.warning("age of content not known", collection=name, exc_info=error)
        db.session.rollback()
        return
    # The connection goes back to the pool before any wait.
    db.session.rollback()
    fresh = source is not None and source.next_fetch_at > datetime.now(UTC)
    if fresh:
        return
    first = source is None or (source.fetched_at is None and source.error is None)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    begun = _pool.submit(_refresh_in, app, name)
    if first:
        _wait_a_little(begun)


def refresh(name: str, *, force: bool = False) -> Outcome:
    """Fetch a collection now, unless it is fresh or another worker is at it ("busy").

    Args:
        name: the collection.
        force: fetch it also when it is fresh.

    Raises:
        NotFound: there is no such collection.
    """
    upstream: Upstream = current_app.extensions["content_upstream"]
    collection = find_collection(name)
    act_as(None, scope="content")
    known = _claim(upstream, name, force)
    if known is None:
        return "busy"
    try:
        outcome = _draw(upstream, collection, known.get("etag"))
    except (UpstreamError, ContentFileError) as error:
        db.session.rollback()
        logger.warning("content not fetched", collection=name, error=str(error))
        pause = min(LEASE, upstream.refresh)
        _note(name, error=str(error)[:2000], next_fetch_at=datetime.now(UTC) + pause)
        db.session.commit()
        outcome = "failed"
    CONTENT_FETCHES.labels(name, outcome).inc()
    return outcome


def last_error(name: str) -> str | None:
    """What went wrong when a collection was last fetched; None when nothing did."""
    return db.session.scalar(select(Source.error).where(Source.collection == name))


def _refresh_in(app: Flask, name: str) -> None:
    with app.app_context():
        try:
            refresh(name)
        except Exception as error:
            # The next reader tries again; nobody waits for the result.
            logger.error("content not refreshed", event_kind="error", exc_info=error)


def _wait_a_little(begun: "Future[None]") -> None:
    with suppress(FutureTimeoutError):
        begun.result(FIRST_SECONDS)


def _claim(upstream: Upstream, name: str, force: bool) -> dict[str, Any] | None:
    """Take the right to fetch; None when another has it or the content is fresh."""
    lease = func.now() + LEASE
    statement = (
        insert(Source)
        .values(collection=name, next_fetch_at=lease)
        .on_conflict_do_update(
            index_elements=["collection"],
            set_={"next_fetch_at": lease},
            where=or_(Source.next_fetch_at <= func.now(), true() if force else false()),
        )
        .returning(Source.url, Source.etag)
    )
    row = db.session.execute(statement).one_or_none()
    db.session.commit()
    if row is None:
        return None
    return {"etag": row.etag} if row.url == upstream.url else {}


def _draw(upstream: Upstream, collection: ContentCollection, etag: str | None) -> Outcome:
    answer = _get(upstream, collection.name, etag)
    outcome: Outcome = "unchanged"
    if answer.status == 200:
        documents = parse_collection(collection, answer.body)
        outcome = _store(collection, documents)
    elif answer.status == 404:
        outcome = "absent"
        if _has_documents(collection):
            raise UpstreamError("answered 404 for a collection that it had")
    elif answer.status != 304 or etag is None:
        raise UpstreamError(f"answered {answer.status}")
    now = datetime.now(UTC)
    _note(
        collection.name,
        url=upstream.url,
        etag=etag if answer.status == 304 else answer.etag,
        fetched_at=now,
        next_fetch_at=now + upstream.refresh,
        error=None,
    )
    if outcome == "changed":
        writing.commit(collection.name)
    else:
        db.session.commit()
    return outcome


def _store(collection: ContentCollection, documents: list[writing.Checked]) -> Outcome:
    writing.begin(collection)
    if not documents and _has_documents(collection):
        raise UpstreamError("has no document left, which is taken for a fault")
    counts = writing.store(collection, documents, "upstream")
    dropped = writing.drop_others(collection, [document.id for document in documents])
    return "changed" if counts.created or counts.changed or dropped else "unchanged"


def _has_documents(collection: ContentCollection) -> bool:
    statement = select(Document.id).where(
        Document.collection == collection.name,
        Document.origin == "upstream",
        Document.deleted_at.is_(None),
    )
    return db.session.scalar(statement.limit(1)) is not None


def _note(name: str, **values: Any) -> None:
    source = db.session.get_one(Source, name, populate_existing=True)
    for key, value in values.items():
        setattr(source, key, value)


def _get(upstream: Upstream, name: str, etag: str | None) -> Answer:
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
    if upstream.key:
        headers["Authorization"] = f"Bearer {upstream.key}"
    if etag:
        headers["If-None-Match"] = etag
    deadline = time.monotonic() + TOTAL_SECONDS
    try:
        # A redirect is refused: it would carry the key elsewhere.
        response = upstream.http.request(
            "GET",
            f"{upstream.url}/{name}.json",
            headers=headers,
            redirect=False,
            preload_content=False,
        )
        try:
            body = _read(response, deadline) if response.status == 200 else b""
        finally:
            # What was not read would be taken for the next answer.
            response.close()
    except urllib3.exceptions.HTTPError as error:
        raise UpstreamError(f"did not answer: {type(error).__name__}") from error
    return Answer(response.status, response.headers.get("ETag"), body)


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    # What has arrived, not a full buffer: a trickle would hold a full read for ever.
    while part := response.read1(65_536):
        body += part
        if len(body) > MAX_BYTES:
            raise UpstreamError(f"answered more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise UpstreamError(f"took longer than {TOTAL_SECONDS:.0f} s")
    return bytes(body)


def _check_age() -> float | None:
    upstream: Upstream = current_app.extensions["content_upstream"]
    names = list(all_collections())
    sources = db.session.scalars(select(Source).where(Source.collection.in_(names))).all()
    fetched = [source.fetched_at for source in sources if source.fetched_at]
    age = round((datetime.now(UTC) - min(fetched)).total_seconds(), 1) if fetched else None
    failed = any(source.error for source in sources)
    old = age is not None and age > STALE_REFRESHES * upstream.refresh.total_seconds()
    if failed or old:
        raise ContentStale(age)
    return age
