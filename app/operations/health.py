"""Health: of the process alone, and of what it depends on."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime
from typing import Any, Literal

import structlog
from apiflask import APIBlueprint
from flask import Flask, Response, current_app
from pydantic import Field
from sqlalchemy import text

from app.extensions import db, limiter, redis
from app.files.storage import current_storage
from app.schemas import Output
from app.settings import version

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
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="health")


class CheckOutput(Output):
    status: Literal["up", "down"]
    responseTime: float = Field(description="Milliseconds.")  # noqa: N815 - as monitors read it
    error: str | None = None


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
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    begun = {name: _pool.submit(_run, app, check) for name, check in _CHECKS.items()}
    deadline = time.monotonic() + TIMEOUT_SECONDS
    checks = {name: _result(name, future, deadline) for name, future in begun.items()}
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


_CHECKS: dict[str, Callable[[], None]] = {
    "database": _check_database,
    "cache": _check_cache,
    "storage": _check_storage,
}


def _run(app: Flask, check: Callable[[], None]) -> float:
    begun = time.perf_counter()
    with app.app_context():
        check()
    return round((time.perf_counter() - begun) * 1000, 1)


def _result(name: str, future: "Future[float]", deadline: float) -> CheckOutput:
    try:
        milliseconds = future.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeoutError:
        return CheckOutput(status="down", responseTime=TIMEOUT_SECONDS * 1000, error="no answer")
    except Exception as error:
        # The text may hold addresses and names: it is for the log only.
        logger.warning("health check failed", event_kind="health", check=name, exc_info=error)
        return CheckOutput(status="down", responseTime=0, error=type(error).__name__)
    return CheckOutput(status="up", responseTime=milliseconds)
