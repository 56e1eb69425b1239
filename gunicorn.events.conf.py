"""gunicorn for live updates: one process, in which each stream is a greenlet."""

import gc
import os
import resource
from typing import Any

bind = os.environ.get("BIND", "127.0.0.1:8001")
# Each process has a subscription and limits of its own.
workers = 1
worker_class = "gevent"
# Above the limit of the settings, so that who is too many hears so.
worker_connections = int(os.environ.get("FIVEBOX_STREAMS_TOTAL", "3000")) + 500
timeout = 30
# Longer than the streams take to end, one after the other, and than a slow client has at its own.
graceful_timeout = 20
# A connection is one stream.
keepalive = 0
# The socket is for nginx, which is in the group.
umask = 0o007
# The application logs the requests.
accesslog = None
loglevel = os.environ.get("FIVEBOX_LOG_LEVEL", "INFO").lower()
logconfig_json = "gunicorn.logging.json"
control_socket_disable = True
worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heart-beat file must not wait for a disk


def on_starting(_server: Any) -> None:
    """Allow a file for each stream."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = worker_connections + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def post_worker_init(worker: Any) -> None:
    """Let the streams end when the worker is told to."""
    from wsgi_events import app

    # What is loaded stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    app.end_with(worker)
