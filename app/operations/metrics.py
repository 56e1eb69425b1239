"""Prometheus metrics, summed over the worker processes."""

import os
import re
import time
from functools import cache
from typing import Any

import psutil
from apiflask import APIBlueprint, APIFlask
from flask import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Engine, event

from app.database.connection import observers
from app.extensions import db, limiter
from app.operations.tally import Tally
from app.version import version

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to its answer.",
    ["method", "route", "status"],
    buckets=BUCKETS,
)
REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
IN_FLIGHT = Gauge(
    "http_requests_in_flight", "Requests being answered.", multiprocess_mode="livesum"
)
QUERIES = Counter("database_queries_total", "Statements sent.", ["operation", "table"])
POOL = Gauge(
    "database_pool_connections", "Connections of the pools.", ["state"], multiprocess_mode="livesum"
)
INFO = Gauge(
    "fivebox_info", "1 for the release that answers.", ["version"], multiprocess_mode="max"
)
# A counter, so that a worker that ends takes nothing away.
CPU = Counter("worker_cpu_seconds_total", "CPU time of the workers.")
MEMORY = Gauge(
    "worker_memory_bytes", "Resident memory of the workers.", multiprocess_mode="livesum"
)
RATE_LIMIT_UNAVAILABLE = Counter(
    "rate_limit_unavailable_total", "Times the limits' storage did not answer."
)
EVENTS_PUBLISHED = Counter("events_published_total", "Messages published for live updates.")
EVENTS_UNAVAILABLE = Counter(
    "events_unavailable_total", "Times Redis did not take a message; it is sent again."
)
EVENTS_DROPPED = Counter("events_dropped_total", "Messages given up while Redis was away too long.")
REGISTRATIONS = Counter("registrations_total", "Accounts registered.")
LOGIN_ATTEMPTS = Counter("login_attempts_total", "Log-in attempts.", ["outcome"])
MAILS_QUEUED = Counter("mails_queued_total", "Mails queued.", ["template"])
DELETIONS = Counter("account_deletions_total", "Accounts deleted.", ["stage"])
RECORDS_CREATED = Counter("records_created_total", "Owned rows created.", ["table"])
CACHE_REQUESTS = Counter(
    "cache_requests_total",
    "Look-ups: hit, miss, waited (another request filled it), unavailable (no Redis).",
    ["cache", "outcome"],
)
CONTENT_FETCHES = Counter(
    "content_upstream_fetches_total",
    "Fetches of a collection: changed, unchanged, absent, failed.",
    ["collection", "outcome"],
)
EDGE_PURGES = Counter("content_edge_purges_total", "Purges sent to edges: ok, failed.", ["outcome"])
FILE_BYTES = Counter("file_bytes_total", "Bytes of users' files.", ["change"])
SYNC_ROUNDS = Counter("sync_rounds_total", "Pulls and pushes.", ["client", "kind", "outcome"])
SYNC_ROWS = Counter("sync_rows_total", "Rows pulled and pushed.", ["client", "kind"])

blueprint = APIBlueprint("metrics", __name__, enable_openapi=False)

_STATEMENT = re.compile(
    r"\s*(?:(select)\b.*?\bfrom|(insert)\s+into|(update)|(delete)\s+from)\s+\"?(\w+)", re.I | re.S
)
# By statement.
_counters: dict[str, Counter] = {}


@blueprint.get("/internal/metrics")
@limiter.exempt
def metrics() -> Response:
    """Metrics of all workers in Prometheus' text format; nginx does not pass this path."""
    _tally.add()
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def init_app(app: APIFlask) -> None:
    """Measure the statements of an app's database."""
    INFO.labels(version()).set(1)
    with app.app_context():
        _sampler.engine = db.engine
        event.listen(db.engine, "before_cursor_execute", _count_query)
    observers.add(_count_statement)


def enter(request: int) -> None:
    """Count a request that begins.

    Args:
        request: a number that no other has meanwhile.
    """
    _tally.enter(request)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer.

    Args:
        method: of the request; one that is not HTTP's is counted as "other".
        route: the rule that it matched.
        status: of the answer.
        seconds: that it took.
    """
    requests, durations = _series(method if method in METHODS else "other", route, status)
    _tally.count(requests)
    _tally.observe(durations, seconds)


def leave(request: int) -> None:
    """Count a request that has ended, by the number with which it began."""
    _tally.leave(request)


@cache
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The series of a request; few, since routes and statuses are, and looked up in each."""
    labels = (method, route, str(status))
    return REQUESTS.labels(*labels), REQUEST_SECONDS.labels(*labels)


def _count_query(
    _connection: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
) -> None:
    _count_statement(statement)


def _count_statement(statement: str) -> None:
    counter = _counters.get(statement)
    if counter is None:
        counter = QUERIES.labels(*_describe(statement))
        # Statements are made by code and so are few; the bound is for those with inlined values.
        if len(_counters) < 1000:
            _counters[statement] = counter
    _tally.count(counter)


def _describe(statement: str) -> tuple[str, str]:
    match = _STATEMENT.match(statement)
    if match is None:
        return "other", "none"
    operation = next(word for word in match.groups()[:4] if word)
    table = match[5] if match[5] in db.metadata.tables else "other"
    return operation.lower(), table


class _Sampler:
    """Takes this process's figures, once a second: a reading costs more than a request."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.next = 0.0
        self.process = psutil.Process()
        self.counted = 0.0

    def sample(self) -> None:
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + 1
        if self.process.pid != os.getpid():
            self.process = psutil.Process()
            self.counted = 0.0
        times = self.process.cpu_times()
        spent = times.user + times.system
        CPU.inc(spent - self.counted)
        self.counted = spent
        MEMORY.set(self.process.memory_info().rss)
        # A QueuePool; what all pools have in common has no figures.
        if self.engine:
            POOL.labels("used").set(self.engine.pool.checkedout())  # type: ignore[attr-defined]
            POOL.labels("idle").set(self.engine.pool.checkedin())  # type: ignore[attr-defined]


_sampler = _Sampler()
_tally = Tally(IN_FLIGHT, _sampler.sample)
