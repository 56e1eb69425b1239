"""Health: of the process alone, and of what it depends on."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Literal

import structlog
from apiflask import APIBlueprint, APIFlask
from flask import Flask, Response
from flask.sansio.app import App
from pydantic import Field
from sqlalchemy import text

from app.current import this_app
from app.extensions import db, limiter, redis
from app.files.storage import current_storage
from app.schemas import Output
from app.version import version

TIMEOUT_SECONDS = 2.0
REQUIRED = frozenset({"database"})

logger = structlog.get_logger(__name__)
blueprint = APIBlueprint("health", __name__, url_prefix="/health", tag="Health")
_UNHEALTHY: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "A required dependency is down; the body is the same.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/HealthOutput"}}},
    }
}
_started = time.monotonic()


class CheckOutput(Output):
    status: Literal["up", "down"]
    responseTime: float = Field(description="Milliseconds.")  # noqa: N815 - as monitors read it
    error: str | None = None
    age: float | None = Field(None, description="Seconds since what it gives was confirmed.")


class CheckFailed(Exception):
    """A dependency that is down while what it gave last, `age` seconds ago, still serves."""

    def __init__(self, age: float | None) -> None:
        super().__init__("down")
        self.age = age


class HealthOutput(Output):
    status: Literal["healthy", "unhealthy"]
    timestamp: datetime
    version: str
    uptime: float = Field(description="Seconds since this worker started.")
    checks: dict[str, CheckOutput]


class LiveOutput(Output):
    status: Literal["live"]
    version: str


@blueprint.get("/live")
@limiter.exempt
@blueprint.output(LiveOutput)
def live() -> LiveOutput:
    """Tell whether the process answers; asks nothing else."""
    return LiveOutput(status="live", version=version())


@blueprint.get("")
@limiter.exempt
@blueprint.output(HealthOutput)
@blueprint.doc(responses=_UNHEALTHY)
def health() -> Response | HealthOutput:
    """Check the dependencies; 503 when a required one is down.

    The database is required; without the cache the API goes on, more slowly, and without the
    storage all but the files.
    """
    app = this_app()
    runners: dict[str, _Runner] = app.extensions["health_checks"]
    begun = {name: runner.begin(app) for name, runner in runners.items()}
    checks = {name: _result(name, future, deadline) for name, (future, deadline) in begun.items()}
    down = {name for name, check in checks.items() if check.status == "down"}
    output = HealthOutput(
        status="unhealthy" if down & REQUIRED else "healthy",
        timestamp=datetime.now(UTC),
        version=version(),
        uptime=round(time.monotonic() - _started, 1),
        checks=checks,
    )
    if down & REQUIRED:
        return Response(output.model_dump_json(), status=503, content_type="application/json")
    return output


def _check_database() -> None:
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def _check_cache() -> None:
    redis.client.ping()


def _check_storage() -> None:
    current_storage().check()


Check = Callable[[], float | None]


def init_app(app: APIFlask) -> None:
    """Serve the health of the process and of what every product needs."""
    app.register_blueprint(blueprint)
    add_check(app, "database", _check_database)
    add_check(app, "cache", _check_cache)
    add_check(app, "storage", _check_storage)


def add_check(app: App, name: str, check: Check) -> None:
    """Show one more dependency; only those of REQUIRED make the process unhealthy.

    Args:
        app: the application that has it.
        name: its key in `checks`.
        check: raises when it is down; may return the age, in seconds, of what it gives. It runs
            once at a time.
    """
    app.extensions.setdefault("health_checks", {})[name] = _Runner(name, check)


# Milliseconds, and the age that the check told.
Passed = tuple[float, float | None]


class _Runner:
    """Runs a check in a thread of its own, so that one that hangs holds up no other."""

    def __init__(self, name: str, check: Check) -> None:
        self._check = check
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"health-{name}")
        self._lock = Lock()
        self._running: Future[Passed] | None = None
        self._deadline = 0.0

    def begin(self, app: Flask) -> "tuple[Future[Passed], float]":
        """Run it, unless it still runs; returns the run, and until when to wait for it."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = self._pool.submit(_run, app, self._check)
                self._deadline = time.monotonic() + TIMEOUT_SECONDS
            return self._running, self._deadline


def _run(app: Flask, check: Check) -> Passed:
    begun = time.perf_counter()
    with app.app_context():
        age = check()
    return round((time.perf_counter() - begun) * 1000, 1), age


def _result(name: str, future: "Future[Passed]", deadline: float) -> CheckOutput:
    try:
        milliseconds, age = future.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeoutError:
        return CheckOutput(status="down", responseTime=TIMEOUT_SECONDS * 1000, error="no answer")
    except Exception as error:
        # The text may hold addresses and names: it is for the log only.
        logger.warning("health check failed", event_kind="health", check=name, exc_info=error)
        age = error.age if isinstance(error, CheckFailed) else None
        return CheckOutput(status="down", responseTime=0, error=type(error).__name__, age=age)
    return CheckOutput(status="up", responseTime=milliseconds, age=age)
