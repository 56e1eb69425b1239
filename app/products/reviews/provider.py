"""The recommender of the settings: kept from harm by a circuit breaker, and its answers cached."""

import hashlib
import time
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any

import orjson
import structlog
import urllib3
from flask import current_app
from flask.sansio.app import App
from pydantic import TypeAdapter, ValidationError
from redis.exceptions import RedisError

from app.extensions import redis
from app.operations.health import add_check
from app.operations.metrics import CACHE_REQUESTS
from app.outbound import Client
from app.products.reviews.breaker import Breaker
from app.products.reviews.chat import (
    CONNECT_SECONDS,
    READ_SECONDS,
    Chat,
    Choice,
    ProviderError,
    Question,
)
from app.products.reviews.metrics import PROVIDER_CALLS
from app.settings import Settings
from app.version import version

# Monitors ask often; the provider is asked at most this often, by each worker.
HEALTH_AGE_SECONDS = 30.0
# Calls of one process at a time: others go without, so that a slow provider takes no more threads.
CALLS = 2
FAILURES = 3
PAUSE_SECONDS = 30.0
CACHE_SECONDS = 3600
CACHE = "recommender"

# Another release may keep answers in another shape.
_RELEASE = version()
_STORED = TypeAdapter(list[Choice])

logger = structlog.get_logger(__name__)


@dataclass
class Provider:
    """The provider, and what this process knows of its state."""

    chat: Chat
    breaker: Breaker = field(default_factory=lambda: Breaker(FAILURES, PAUSE_SECONDS))
    calls: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(CALLS))
    # When it was asked last, and what was wrong then.
    health: tuple[float, str | None] | None = None


class RecommenderDown(Exception):
    """The provider does not answer; recommendations come from the embedded engine."""


def init_app(app: App, settings: Settings) -> None:
    """Ask the provider of the settings, if there is one, and show its health."""
    if settings.recommender_url is None or settings.recommender_model is None:
        return
    key = settings.recommender_key
    app.extensions["recommender"] = Provider(
        Chat(
            url=settings.recommender_url.rstrip("/"),
            key=key.get_secret_value() if key else None,
            model=settings.recommender_model,
            # One more, for the health check.
            http=Client(
                "recommender",
                CALLS + 1,
                urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            ),
        )
    )
    add_check(app, "recommender", check)


def ask(question: Question) -> list[Choice] | None:
    """Ask the provider, unless its answer to the same question is still known.

    Call it without an open transaction: it may take TOTAL_SECONDS.

    Returns:
        books of the candidates without repeats, the best first; None when there is no provider or
        no usable answer.
    """
    provider: Provider | None = current_app.extensions.get("recommender")
    if provider is None:
        return None
    # The same for all who ask the same: it names nobody.
    asked = [_RELEASE, provider.chat.url, provider.chat.model, question.message()]
    name = f"{CACHE}:{hashlib.sha256(orjson.dumps(asked)).hexdigest()[:32]}"
    stored = _load(name)
    if stored is not None:
        PROVIDER_CALLS.labels("cached").inc()
        return stored
    if not provider.calls.acquire(blocking=False):
        PROVIDER_CALLS.labels("busy").inc()
        return None
    try:
        return _call(provider, question, name)
    finally:
        provider.calls.release()


def check() -> None:
    """See whether the provider answers; for the health endpoint, which asks once at a time.

    Raises:
        RecommenderDown: its circuit breaker pauses, or it does not list its models.
    """
    provider: Provider = current_app.extensions["recommender"]
    if provider.breaker.is_pausing:
        raise RecommenderDown("the last calls failed")
    now = time.monotonic()
    if provider.health is None or now - provider.health[0] > HEALTH_AGE_SECONDS:
        provider.health = (now, provider.chat.fault())
    fault = provider.health[1]
    if fault:
        raise RecommenderDown(fault)


def _call(provider: Provider, question: Question, name: str) -> list[Choice] | None:
    if not provider.breaker.allow():
        PROVIDER_CALLS.labels("open").inc()
        return None
    try:
        choices = provider.chat.choose(question)
    except ProviderError as error:
        provider.breaker.fail(error.pause)
        PROVIDER_CALLS.labels(error.outcome).inc()
        logger.warning("recommender failed", outcome=error.outcome, error=str(error))
        return None
    provider.breaker.succeed()
    PROVIDER_CALLS.labels("answered").inc()
    _store(name, choices)
    return choices


def _load(name: str) -> list[Choice] | None:
    try:
        stored: Any = redis.client.get(name)
    except RedisError:
        CACHE_REQUESTS.labels(CACHE, "unavailable").inc()
        return None
    choices = _parse(stored) if stored else None
    CACHE_REQUESTS.labels(CACHE, "hit" if choices else "miss").inc()
    return choices


def _parse(stored: bytes) -> list[Choice] | None:
    try:
        return _STORED.validate_json(stored)
    except ValidationError:
        return None


def _store(name: str, choices: list[Choice]) -> None:
    try:
        redis.client.set(
            name, orjson.dumps([choice.model_dump() for choice in choices]), ex=CACHE_SECONDS
        )
    except RedisError:
        CACHE_REQUESTS.labels(CACHE, "unavailable").inc()
