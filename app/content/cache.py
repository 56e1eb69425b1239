"""Ready answers in Redis; one request fills a missing one while the others wait briefly.

Every entry carries the generation of its collection at the time before it was read; a write gives
the collection another one, which ends all its entries. Without Redis everything is read each time.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import structlog
from flask import current_app
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

from app.extensions import redis
from app.operations.metrics import CACHE_REQUESTS
from app.version import version

# Longer than a statement may take: a reader that died must not keep the others waiting each time.
LOCK_SECONDS = 6.0
WAIT_SECONDS = 0.5
POLL_SECONDS = 0.02

logger = structlog.get_logger(__name__)
# Another release may answer in another shape.
_RELEASE = version()
# Collections whose new generation Redis has not been told.
_untold: set[str] = set()


@dataclass(frozen=True)
class Entry:
    """An answer: its JSON, its ETag without quotes, and the languages of its texts.

    `ends` is when dates of publication make it wrong, in seconds since 1970; None is never.
    """

    body: str
    etag: str
    languages: str
    ends: float | None = None

    def left(self, seconds: float) -> float:
        """How many of these seconds, from now on, it is right."""
        if self.ends is None:
            return seconds
        return max(0.0, min(seconds, self.ends - time.time()))


def fetch(collection: str, key: object, load: Callable[[], Entry]) -> Entry:
    """Give the cached answer, or load and keep it.

    Args:
        collection: name of the collection that the answer is made from.
        key: what decides the answer, as JSON values.
        load: reads it; what it raises is passed on and nothing is kept.
    """
    digest = hashlib.sha256(orjson.dumps([_RELEASE, key])).hexdigest()[:32]
    name = f"content:{collection}:{digest}"
    try:
        generation, entry, _ = _look_up(collection, name)
        if entry:
            _count("hit")
            return entry
        lock = redis.client.lock(_lock_key(name), timeout=LOCK_SECONDS, thread_local=False)
        held = lock.acquire(blocking=False)
        if not held and (entry := _wait(collection, name)):
            _count("waited")
            return entry
    except RedisError:
        _count("unavailable")
        return load()
    _count("miss")
    try:
        entry = load()
        _store(name, generation, entry)
        return entry
    finally:
        if held:
            _release(lock)


def invalidate(collection: str) -> None:
    """End all entries of a collection; when Redis is away, as soon as it is back."""
    _untold.add(collection)
    try:
        _tell()
    except RedisError as error:
        logger.warning("content cache not told of a write", collection=collection, exc_info=error)
        _count("unavailable")


def _look_up(collection: str, name: str) -> tuple[str, Entry | None, bool]:
    """The generation, the entry if there is one, and whether somebody is reading it."""
    _tell()
    generation_key = _generation_key(collection)
    found: list[Any] = redis.client.mget(generation_key, name, _lock_key(name))
    generation, stored, holder = found
    if generation is None:
        # Random: after a loss of this key no older entry may seem to be of this generation.
        redis.client.set(generation_key, secrets.token_hex(8), nx=True)
        generation = redis.client.get(generation_key) or b""
    entry = _parse(stored, generation.decode()) if stored else None
    return generation.decode(), entry, holder is not None


def _parse(stored: bytes, generation: str) -> Entry | None:
    values = orjson.loads(stored)
    return Entry(**values["entry"]) if values["generation"] == generation else None


def _wait(collection: str, name: str) -> Entry | None:
    """Wait for what another reads; None when that takes long or there is nothing to keep."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        _, entry, held = _look_up(collection, name)
        if entry or not held:
            return entry
    return None


def _store(name: str, generation: str, entry: Entry) -> None:
    value = orjson.dumps({"generation": generation, "entry": asdict(entry)})
    seconds = entry.left(current_app.extensions["settings"].content_cache_seconds)
    try:
        if milliseconds := int(seconds * 1000):
            redis.client.set(name, value, px=milliseconds)
    except RedisError:
        _count("unavailable")


def _release(lock: Lock) -> None:
    try:
        lock.release()
    except LockError:
        # It took longer than the lock lasts.
        pass
    except RedisError:
        _count("unavailable")


def _tell() -> None:
    for collection in list(_untold):
        redis.client.set(_generation_key(collection), secrets.token_hex(8))
        _untold.discard(collection)


def _lock_key(name: str) -> str:
    return f"{name}:lock"


def _generation_key(collection: str) -> str:
    return f"content:{collection}:generation"


def _count(outcome: str) -> None:
    CACHE_REQUESTS.labels("content", outcome).inc()
