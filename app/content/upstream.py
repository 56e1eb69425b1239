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
from app.current import this_app
from app.database.session import act_as
from app.extensions import db
from app.operations.health import CheckFailed, add_check
from app.operations.metrics import CONTENT_FETCHES
from app.outbound import Client, NoReply, Reply
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
# Of one process at a time.
FETCHES = 2

Outcome = Literal["changed", "unchanged", "absent", "failed", "busy"]

logger = structlog.get_logger(__name__)
_pool = ThreadPoolExecutor(max_workers=FETCHES, thread_name_prefix="content")


class UpstreamError(Exception):
    """The upstream gave nothing usable; the text says why."""


@dataclass(frozen=True)
class Upstream:
    """An upstream, as the settings name it."""

    url: str
    key: str | None = field(repr=False)
    refresh: timedelta
    http: Client
    next_look: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """The right to fetch a collection until `lease`, and the ETag of what it has."""

    lease: datetime
    etag: str | None


class ClaimLost(Exception):
    """The lease is over, or somebody else has it."""


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
        http=Client(
            "upstream", FETCHES, urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
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
    begun = _pool.submit(_refresh_in, this_app(), name)
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
    claim = _claim(upstream, name, force)
    if claim is None:
        return "busy"
    try:
        outcome = _try(upstream, collection, claim)
    except ClaimLost:
        db.session.rollback()
        logger.warning("content fetched too late", collection=name)
        return "busy"
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


def _claim(upstream: Upstream, name: str, force: bool) -> Claim | None:
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
        .returning(Source.url, Source.etag, Source.next_fetch_at)
    )
    row = db.session.execute(statement).one_or_none()
    db.session.commit()
    if row is None:
        return None
    return Claim(row.next_fetch_at, row.etag if row.url == upstream.url else None)


def _try(upstream: Upstream, collection: ContentCollection, claim: Claim) -> Outcome:
    try:
        return _draw(upstream, collection, claim)
    except (UpstreamError, ContentFileError) as error:
        db.session.rollback()
        logger.warning("content not fetched", collection=collection.name, error=str(error))
        next_fetch_at = datetime.now(UTC) + min(LEASE, upstream.refresh)
        _note(collection.name, claim, error=str(error)[:2000], next_fetch_at=next_fetch_at)
        db.session.commit()
        return "failed"


def _draw(upstream: Upstream, collection: ContentCollection, claim: Claim) -> Outcome:
    answer = _get(upstream, collection.name, claim.etag)
    outcome: Outcome = "unchanged"
    if answer.status == 200:
        documents = parse_collection(collection, answer.body)
        outcome = _store(collection, documents)
    elif answer.status == 404:
        outcome = "absent"
        if _has_documents(collection):
            raise UpstreamError("answered 404 for a collection that it had")
    elif answer.status != 304 or claim.etag is None:
        raise UpstreamError(f"answered {answer.status}")
    now = datetime.now(UTC)
    _note(
        collection.name,
        claim,
        url=upstream.url,
        etag=claim.etag if answer.status == 304 else answer.headers.get("ETag"),
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


def _note(name: str, claim: Claim, **values: Any) -> None:
    """Note what came of a fetch; after its lease that is left to the next one."""
    statement = select(Source).where(
        Source.collection == name,
        Source.next_fetch_at == claim.lease,
        Source.next_fetch_at > func.clock_timestamp(),
    )
    source = db.session.scalar(
        statement.with_for_update(), execution_options={"populate_existing": True}
    )
    if source is None:
        raise ClaimLost
    for key, value in values.items():
        setattr(source, key, value)


def _get(upstream: Upstream, name: str, etag: str | None) -> Reply:
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
    if upstream.key:
        headers["Authorization"] = f"Bearer {upstream.key}"
    if etag:
        headers["If-None-Match"] = etag
    try:
        return upstream.http.fetch(
            "GET",
            f"{upstream.url}/{name}.json",
            seconds=TOTAL_SECONDS,
            max_bytes=MAX_BYTES,
            headers=headers,
        )
    except NoReply as error:
        raise UpstreamError(str(error)) from error


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
