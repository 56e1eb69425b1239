"""Prometheus metrics, summed over the worker processes."""

import os
import re
import time
from functools import cache
from time import perf_counter
from typing import Any

import psutil
from apiflask import APIBlueprint, APIFlask
from flask import Response, g
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

from app.current import this_request
from app.database.connection import observers
from app.extensions import db, limiter
from app.operations.logs import route
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
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def init_app(app: APIFlask) -> None:
    """Measure the requests of an app and the statements of its database."""

    @app.before_request
    def begin() -> None:
        g.in_flight_since = perf_counter()
        IN_FLIGHT.inc()

    @app.after_request
    def end(response: Response) -> Response:
        asked = this_request()
        method = asked.method if asked.method in METHODS else "other"
        requests, seconds = _series(method, route(asked), response.status_code)
        requests.inc()
        seconds.observe(perf_counter() - g.in_flight_since)
        return response

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        if g.pop("in_flight_since", None) is not None:
            IN_FLIGHT.dec()
        _sample_process()

    INFO.labels(version()).set(1)
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", _count_query)
    observers.add(_count_statement)


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
    counter.inc()


def _describe(statement: str) -> tuple[str, str]:
    match = _STATEMENT.match(statement)
    if match is None:
        return "other", "none"
    operation = next(word for word in match.groups()[:4] if word)
    table = match[5] if match[5] in db.metadata.tables else "other"
    return operation.lower(), table


class _Sampler:
    """Takes this process's figures at most once a second: a reading costs more than a request."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.next = 0.0
        self.counted = 0.0

    def sample(self, engine: Engine) -> None:
        now = time.monotonic()
        if now < self.next:
            return
        if self.process.pid != os.getpid():
            self.process = psutil.Process()
            self.counted = 0.0
        self.next = now + 1
        times = self.process.cpu_times()
        spent = times.user + times.system
        CPU.inc(spent - self.counted)
        self.counted = spent
        MEMORY.set(self.process.memory_info().rss)
        POOL.labels("used").set(engine.pool.checkedout())  # type: ignore[attr-defined]
        POOL.labels("idle").set(engine.pool.checkedin())  # type: ignore[attr-defined]


_sampler = _Sampler()


def _sample_process() -> None:
    _sampler.sample(db.engine)
