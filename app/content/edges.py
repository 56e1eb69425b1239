"""Telling the edges' caches that a collection changed: best effort, and nobody waits for it."""

from concurrent.futures import ThreadPoolExecutor

import structlog
import urllib3
from flask import current_app

from app.operations.metrics import EDGE_PURGES

# Of each try; there is one more at once, and the last after a second: nginx may just start again.
TIMEOUT_SECONDS = 1.0
_TRIES = urllib3.Retry(
    2,
    redirect=False,
    allowed_methods=None,
    status_forcelist=frozenset(range(500, 600)),
    backoff_factor=0.5,
    raise_on_status=False,
    respect_retry_after_header=False,
)

logger = structlog.get_logger(__name__)
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="purge")
_http = urllib3.PoolManager(
    timeout=urllib3.Timeout(total=TIMEOUT_SECONDS), retries=_TRIES, maxsize=4
)


def purge(collection: str) -> None:
    """Send `PURGE <url>/<collection>` to each edge of the settings, up to three times.

    A process that ends sends what is waiting first. An edge that does not hear of it serves what
    it has until its max-age ends, and once more, within its stale-while-revalidate, to who asks
    first after that.
    """
    for edge in current_app.extensions["settings"].edge_purge_urls:
        _pool.submit(_send, edge, collection)


def _send(edge: str, collection: str) -> None:
    try:
        answer = _http.request("PURGE", f"{edge.rstrip('/')}/{collection}", redirect=False)
    except urllib3.exceptions.HTTPError as error:
        logger.warning("edge not purged", edge=edge, collection=collection, exc_info=error)
    else:
        if answer.status < 300:
            EDGE_PURGES.labels("ok").inc()
            return
        logger.warning("edge not purged", edge=edge, collection=collection, status=answer.status)
    EDGE_PURGES.labels("failed").inc()
